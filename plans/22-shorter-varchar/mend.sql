UPDATE couriers SET code = left(code, 8) WHERE length(code) > 8;

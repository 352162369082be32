UPDATE orders SET total = 40000 WHERE total > 40000;

CREATE TABLE couriers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code varchar(100) NOT NULL CONSTRAINT code_is_upper CHECK (code = upper(code)),
    label varchar(40)
);

INSERT INTO couriers (code) SELECT 'C' || g FROM generate_series(1, 500) g;

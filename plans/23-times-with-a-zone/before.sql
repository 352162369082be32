CREATE TABLE bookings (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room int NOT NULL,
    booked_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')
);
CREATE INDEX bookings_by_time ON bookings (booked_at DESC, room);

INSERT INTO bookings (room, booked_at) SELECT g % 9, timestamp '2024-03-01' + g * interval '1 hour' FROM generate_series(1, 1000) g;

-- Times were meant as UTC all along; now they say so.
ALTER TABLE bookings
    ALTER COLUMN booked_at DROP DEFAULT,
    ALTER COLUMN booked_at TYPE timestamptz USING booked_at AT TIME ZONE 'UTC',
    ALTER COLUMN booked_at SET DEFAULT now();

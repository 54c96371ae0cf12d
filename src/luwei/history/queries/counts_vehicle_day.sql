-- What one vehicle sent within a span: always one row; first_at, last_at and mileage_hm are null where it sent nothing.
-- mileage_hm: growth of the terminal's own counter (item 0x01) in 0.1 km, null where it has none.
-- vehicle: registry key; start, end: UTC milliseconds, end excluded.
SELECT count() AS locations,
       countIf(origin = 2) AS backfilled,
       countIf(bitTest(flags, 3)) AS not_fixed,
       if(count() = 0, NULL, min(at)) AS first_at,
       if(count() = 0, NULL, max(at)) AS last_at,
       max(mileage_hm) - min(mileage_hm) AS mileage_hm
FROM location
WHERE vehicle_id = {vehicle:UInt32}
  AND at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
SETTINGS max_threads = 1

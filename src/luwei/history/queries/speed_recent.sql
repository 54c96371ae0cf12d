-- Speed over the last minutes, for the curve on a truck's card: rows of (at, speed_dkmh) in order of time.
-- vehicle: registry key; start: UTC milliseconds.
SELECT at, speed_dkmh
FROM location
WHERE vehicle_id = {vehicle:UInt32}
  AND at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
ORDER BY at
LIMIT 5000
SETTINGS max_threads = 1

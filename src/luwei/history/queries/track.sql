-- The track of one vehicle in order of time, points that came late in their place.
-- vehicle: registry key; start, end: UTC milliseconds, end excluded; limit: most rows given (ask for one more than
-- wanted to learn whether there are more).
SELECT at, received_at, lat_e6, lon_e6, speed_dkmh, direction_deg, altitude_m, mileage_hm, alarm, status, origin, flags
FROM location
WHERE vehicle_id = {vehicle:UInt32}
  AND at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
ORDER BY at, received_at
LIMIT {limit:UInt32}
SETTINGS max_threads = 2

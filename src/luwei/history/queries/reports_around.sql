-- The last location of one vehicle received before an instant and the first received from it on: at most two rows, the earlier first.
-- vehicles: registry keys under which the one vehicle was ever known; at: UTC milliseconds; start, end: how far to look to both sides, UTC milliseconds of receipt.
-- Places that the terminal itself calls unfixed or that cannot be are left out (flags: bits of them).
SELECT toUnixTimestamp64Milli(received_at) AS received_at, lat_e6, lon_e6
FROM
(
    SELECT received_at, lat_e6, lon_e6 FROM location
    WHERE vehicle_id IN {vehicles:Array(UInt32)} AND at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
      AND received_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({at:Int64}, 'UTC')
      AND bitAnd(flags, {flags:UInt32}) = 0
    ORDER BY received_at DESC
    LIMIT 1
    UNION ALL
    SELECT received_at, lat_e6, lon_e6 FROM location
    WHERE vehicle_id IN {vehicles:Array(UInt32)} AND at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
      AND received_at >= fromUnixTimestamp64Milli({at:Int64}, 'UTC') AND received_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
      AND bitAnd(flags, {flags:UInt32}) = 0
    ORDER BY received_at
    LIMIT 1
)
ORDER BY received_at
SETTINGS max_threads = 1

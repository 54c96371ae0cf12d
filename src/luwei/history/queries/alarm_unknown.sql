-- Alarms whose type has no name, by terminal. start, end: UTC milliseconds, end excluded; known: 'dialect/type' of every
-- type that has one; scope, part_vehicle, part_from, part_to: as in alarms_page; types, sources: empty for all; limit: rows.
SELECT a.terminal_id AS terminal_id, a.source AS source, a.type AS type, a.dialect AS dialect, uniqExact(a.alarm) AS count,
       max(a.received_at) AS last_at, argMax(a.item, a.received_at) AS item
FROM alarm AS a
WHERE a.started_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND a.started_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
  AND concat(a.dialect, '/', a.type) NOT IN {known:Array(String)}
  AND (empty({types:Array(String)}) OR a.type IN {types:Array(String)})
  AND (empty({sources:Array(String)}) OR a.source IN {sources:Array(String)})
  AND ({scope:String} = ''
       OR bitTest(reinterpretAsUInt8(substring(base64Decode({scope:String}), intDiv(a.vehicle_id, 8) + 1, 1)), a.vehicle_id % 8)
       OR (a.vehicle_id IN {part_vehicle:Array(UInt32)}
           AND arrayExists((v, f, t) -> v = a.vehicle_id AND f <= toUnixTimestamp64Milli(a.started_at)
                                        AND toUnixTimestamp64Milli(a.started_at) < t,
                           {part_vehicle:Array(UInt32)}, {part_from:Array(Int64)}, {part_to:Array(Int64)})))
GROUP BY terminal_id, source, type, dialect
ORDER BY count DESC, terminal_id, type, dialect
LIMIT {limit:UInt32}
SETTINGS max_threads = 2

-- Counts of alarms by up to two of day (China), source, type and level. by: those names; the rest as in alarms_page.
-- Each alarm counts once, by its start, however often it was reported.
SELECT if(has({by:Array(String)}, 'day'), toString(toDate(addHours(a.started_at, 8))), '') AS day,
       if(has({by:Array(String)}, 'source'), toString(a.source), '') AS source,
       if(has({by:Array(String)}, 'type'), toString(a.type), '') AS type,
       if(has({by:Array(String)}, 'level'), toInt16(a.level), toInt16(-1)) AS level,
       uniqExact(a.alarm) AS count, uniqExact(a.vehicle_id) AS vehicles
FROM alarm AS a
WHERE a.started_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND a.started_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
  AND (a.phase != 2 OR a.at = a.started_at)
  AND (empty({vehicles:Array(UInt32)}) OR a.vehicle_id IN {vehicles:Array(UInt32)})
  AND (empty({types:Array(String)}) OR a.type IN {types:Array(String)})
  AND (empty({sources:Array(String)}) OR a.source IN {sources:Array(String)})
  AND ({level:Int16} < 0 OR a.level = {level:Int16})
  AND ({backfill:Int8} < 0 OR a.backfill = ({backfill:Int8} = 1))
  AND ({scope:String} = ''
       OR bitTest(reinterpretAsUInt8(substring(base64Decode({scope:String}), intDiv(a.vehicle_id, 8) + 1, 1)), a.vehicle_id % 8)
       OR (a.vehicle_id IN {part_vehicle:Array(UInt32)}
           AND arrayExists((v, f, t) -> v = a.vehicle_id AND f <= toUnixTimestamp64Milli(a.started_at)
                                        AND toUnixTimestamp64Milli(a.started_at) < t,
                           {part_vehicle:Array(UInt32)}, {part_from:Array(Int64)}, {part_to:Array(Int64)})))
GROUP BY 1, 2, 3, 4
ORDER BY 1, 5 DESC, 2, 3, 4
LIMIT 5000
SETTINGS max_threads = 2

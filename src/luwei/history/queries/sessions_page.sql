-- Sessions that began since a time, newest first, one page.
-- start: UTC milliseconds; q: part of a phone or '' for all; state: 'open', 'closed' or ''; limit, offset: the page;
-- boots: boots of the gateways that are alive (a gateway that was killed closed none of its sessions in the history).
-- scope, devices, part_scope, part_vehicle, part_from, part_to: whose rows the caller may see (Services.held).
-- A session is for everybody who had the truck at any time of it.
-- total: number of rows over all pages.
WITH has({boots:Array(UInt32)}, boot) AS gateway_lives
SELECT session, phone, vehicle_id, terminal_id, gateway, boot, transport, peer, edition, opened_at,
       if(closes = 0, NULL, closed) AS closed_at,
       multiIf(closes > 0, close_reason, gateway_lives, '', 'gateway_lost') AS reason,
       frames, locations, refused, bytes_in, count() OVER () AS total
FROM
(
    SELECT s.session AS session, any(s.phone) AS phone, any(s.vehicle_id) AS vehicle_id, any(s.terminal_id) AS terminal_id,
           any(s.gateway) AS gateway, any(s.boot) AS boot, any(s.transport) AS transport, any(s.peer) AS peer,
           any(s.edition) AS edition, min(s.at) AS opened_at, countIf(s.event = 'closed') AS closes, max(s.at) AS closed,
           anyIf(s.reason, s.event = 'closed') AS close_reason, max(s.frames) AS frames, max(s.locations) AS locations,
           max(s.refused) AS refused, max(s.bytes_in) AS bytes_in
    FROM session AS s
    WHERE s.at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
      AND ({q:String} = '' OR position(s.phone, {q:String}) > 0)
      AND ({scope:String} = '' OR bitTest(reinterpretAsUInt8(substring(base64Decode({scope:String}), intDiv(s.vehicle_id, 8) + 1, 1)), s.vehicle_id % 8)
           OR ({part_scope:String} != '' AND bitTest(reinterpretAsUInt8(substring(base64Decode({part_scope:String}), intDiv(s.vehicle_id, 8) + 1, 1)), s.vehicle_id % 8)))
      AND ({devices:String} = '' OR bitTest(reinterpretAsUInt8(substring(base64Decode({devices:String}), intDiv(s.terminal_id, 8) + 1, 1)), s.terminal_id % 8))
    GROUP BY s.session
)
WHERE ({state:String} = '' OR ({state:String} = 'open') = (closes = 0 AND gateway_lives))
  AND ({scope:String} = '' OR bitTest(reinterpretAsUInt8(substring(base64Decode({scope:String}), intDiv(vehicle_id, 8) + 1, 1)), vehicle_id % 8)
       OR arrayExists((held, low, high) -> held = vehicle_id AND toUnixTimestamp64Milli(opened_at) < high
                                           AND (closes = 0 OR toUnixTimestamp64Milli(closed) >= low),
                      {part_vehicle:Array(UInt32)}, {part_from:Array(Int64)}, {part_to:Array(Int64)}))
ORDER BY opened_at DESC, session
LIMIT {limit:UInt32} OFFSET {offset:UInt32}

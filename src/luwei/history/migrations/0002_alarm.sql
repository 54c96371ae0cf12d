-- Alarms: derived from locations by luwei/alarms, immutable, columns as in luwei/facts.py.
--
-- A row is a phase of an alarm (0 point, 1 start, 2 end); start and end share `alarm` and `started_at`, and lie beside each
-- other, in the partition of the start. Sorted by the hour first, so that "the newest of the province" reads an hour and
-- "those of one truck" reads a granule or two of each hour.
CREATE TABLE IF NOT EXISTS alarm
(
    alarm          UInt64 CODEC(ZSTD(1)),
    phase          UInt8 CODEC(ZSTD(1)),
    vehicle_id     UInt32 CODEC(Delta, ZSTD(1)),
    terminal_id    UInt32 CODEC(Delta, ZSTD(1)),
    at             DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    started_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    received_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    lat_e6         Int32 CODEC(Delta, ZSTD(1)),
    lon_e6         Int32 CODEC(Delta, ZSTD(1)),
    altitude_m     Int16 CODEC(Delta, ZSTD(1)),
    speed_dkmh     UInt16 CODEC(Delta, ZSTD(1)),
    direction_deg  UInt16 CODEC(Delta, ZSTD(1)),
    report_alarm   UInt32 CODEC(ZSTD(1)),
    status         UInt32 CODEC(ZSTD(1)),
    source         LowCardinality(String) CODEC(ZSTD(1)),
    type           LowCardinality(String) CODEC(ZSTD(1)),
    level          UInt8 CODEC(ZSTD(1)),
    identification String CODEC(ZSTD(1)),
    files          UInt8 CODEC(ZSTD(1)),
    sequence       UInt8 CODEC(ZSTD(1)),
    dialect        LowCardinality(String) CODEC(ZSTD(1)),
    item           String CODEC(ZSTD(1)),
    edition        UInt16 CODEC(ZSTD(1)),
    backfill       Bool CODEC(ZSTD(1)),
    batch          UInt64 CODEC(Delta, ZSTD(1)),
    INDEX by_key alarm TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(started_at)
ORDER BY (toStartOfHour(started_at), vehicle_id, started_at, alarm, phase)
TTL toDateTime(started_at) + INTERVAL ${days} DAY DELETE
SETTINGS index_granularity = 2048, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1;

-- What stands: the last phase of every condition of a truck (slot 0), and of every alarm of an item that began (slot = its
-- key), so that a core that starts again knows within a second which alarms are open. Written by the ingest beside `alarm`.
CREATE TABLE IF NOT EXISTS alarm_open
(
    vehicle_id  UInt32,
    type        LowCardinality(String),
    backfill    Bool,
    slot        UInt64,
    alarm       UInt64,
    phase       UInt8,
    at          DateTime64(3, 'UTC'),
    started_at  DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC'),
    alarm_id    UInt32
)
ENGINE = ReplacingMergeTree(received_at)
ORDER BY (vehicle_id, type, backfill, slot)
TTL toDateTime(received_at) + INTERVAL 1 DAY DELETE WHERE slot != 0
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Facts: what gateways report, immutable, columns as in luwei/facts.py.
--
-- Placeholders: ${days} is the time-to-live in days at the time of creation (a later change of LUWEI_HISTORY_DAYS
-- does not touch existing tables; docs/operations.md says how to alter them).
-- One partition a day, so that time-to-live drops whole parts and a question about a day opens only that day.
-- The sorting key starts with the vehicle, so that a track is one short range of rows; small granules (2,048 rows,
-- about one truck-day) and small compressed blocks keep what is read and unpacked beside it small (measured: a quarter
-- less CPU a track for 5 % more bytes).
-- non_replicated_deduplication_window makes an insert that is repeated under its token a no-op; a replicated cluster
-- uses its own replicated_deduplication_window for the same.
-- fsync_*: the ingest acknowledges to the bus after the insert, so the rows must then be on the disk.

CREATE TABLE IF NOT EXISTS location
(
    vehicle_id          UInt32 CODEC(Delta, ZSTD(1)),
    terminal_id         UInt32 CODEC(Delta, ZSTD(1)),
    at                  DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    device_at           Nullable(DateTime64(3, 'UTC')) CODEC(DoubleDelta, ZSTD(1)),
    received_at         DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    lat_e6              Int32 CODEC(Delta, ZSTD(1)),
    lon_e6              Int32 CODEC(Delta, ZSTD(1)),
    altitude_m          Int16 CODEC(Delta, ZSTD(1)),
    speed_dkmh          UInt16 CODEC(Delta, ZSTD(1)),
    direction_deg       UInt16 CODEC(Delta, ZSTD(1)),
    alarm               UInt32 CODEC(ZSTD(1)),
    status              UInt32 CODEC(ZSTD(1)),
    mileage_hm          Nullable(UInt32) CODEC(Delta, ZSTD(1)),
    fuel_dl             Nullable(UInt16) CODEC(Delta, ZSTD(1)),
    recorder_speed_dkmh Nullable(UInt16) CODEC(Delta, ZSTD(1)),
    video_alarm         Nullable(UInt32) CODEC(ZSTD(1)),
    vehicle_signals     Nullable(UInt32) CODEC(ZSTD(1)),
    radio_signal        Nullable(UInt8) CODEC(ZSTD(1)),
    satellites          Nullable(UInt8) CODEC(ZSTD(1)),
    items               String CODEC(ZSTD(1)),
    origin              UInt8 CODEC(ZSTD(1)),
    flags               UInt8 CODEC(ZSTD(1)),
    edition             UInt16 CODEC(ZSTD(1)),
    serial              UInt16 CODEC(Delta, ZSTD(1)),
    batch               UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(at)
ORDER BY (vehicle_id, at)
TTL toDateTime(at) + INTERVAL ${days} DAY DELETE
SETTINGS index_granularity = 2048, min_compress_block_size = 16384, max_compress_block_size = 65536,
    ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1;

-- The newest location of each vehicle, so that the live picture is whole again within a second of a restart. A point
-- that comes late has an older `at` and never wins. Filled by the view below from every insert into location; only the
-- columns that the live picture draws, which halves its cost. Not fsynced: the next location of a vehicle mends it.
CREATE TABLE IF NOT EXISTS latest
(
    vehicle_id    UInt32,
    terminal_id   UInt32,
    at            DateTime64(3, 'UTC'),
    received_at   DateTime64(3, 'UTC'),
    lat_e6        Int32,
    lon_e6        Int32,
    altitude_m    Int16,
    speed_dkmh    UInt16,
    direction_deg UInt16,
    alarm         UInt32,
    status        UInt32,
    mileage_hm    Nullable(UInt32),
    video_alarm   Nullable(UInt32),
    origin        UInt8,
    flags         UInt8,
    edition       UInt16
)
ENGINE = ReplacingMergeTree(at)
ORDER BY vehicle_id
TTL toDateTime(at) + INTERVAL ${days} DAY DELETE;

CREATE MATERIALIZED VIEW IF NOT EXISTS latest_feed TO latest AS
SELECT vehicle_id, terminal_id, at, received_at, lat_e6, lon_e6, altitude_m, speed_dkmh, direction_deg, alarm, status,
       mileage_hm, video_alarm, origin, flags, edition
FROM location;

CREATE TABLE IF NOT EXISTS session
(
    session     UInt64 CODEC(ZSTD(1)),
    event       LowCardinality(String) CODEC(ZSTD(1)),
    at          DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    phone       String CODEC(ZSTD(1)),
    vehicle_id  UInt32 CODEC(Delta, ZSTD(1)),
    terminal_id UInt32 CODEC(Delta, ZSTD(1)),
    gateway     LowCardinality(String) CODEC(ZSTD(1)),
    boot        UInt32 CODEC(ZSTD(1)),
    transport   LowCardinality(String) CODEC(ZSTD(1)),
    peer        String CODEC(ZSTD(1)),
    edition     UInt16 CODEC(ZSTD(1)),
    reason      LowCardinality(String) CODEC(ZSTD(1)),
    frames      UInt64 CODEC(T64, ZSTD(1)),
    locations   UInt64 CODEC(T64, ZSTD(1)),
    refused     UInt64 CODEC(T64, ZSTD(1)),
    bytes_in    UInt64 CODEC(T64, ZSTD(1)),
    batch       UInt64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(at)
ORDER BY (vehicle_id, at)
TTL toDateTime(at) + INTERVAL ${days} DAY DELETE
SETTINGS index_granularity = 2048, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS ledger
(
    day         Date CODEC(ZSTD(1)),
    phone       String CODEC(ZSTD(1)),
    terminal_id UInt32 CODEC(ZSTD(1)),
    vehicle_id  UInt32 CODEC(ZSTD(1)),
    gateway     LowCardinality(String) CODEC(ZSTD(1)),
    kind        LowCardinality(String) CODEC(ZSTD(1)),
    reason      LowCardinality(String) CODEC(ZSTD(1)),
    message_id  UInt16 CODEC(ZSTD(1)),
    peer        String CODEC(ZSTD(1)),
    count       UInt64 CODEC(T64, ZSTD(1)),
    first_at    DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    last_at     DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    example     String CODEC(ZSTD(3)),
    batch       UInt64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(day)
ORDER BY (reason, phone, message_id)
TTL day + INTERVAL ${days} DAY DELETE
SETTINGS index_granularity = 2048, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS message
(
    vehicle_id  UInt32 CODEC(Delta, ZSTD(1)),
    terminal_id UInt32 CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    direction   UInt8 CODEC(ZSTD(1)),
    message_id  UInt16 CODEC(ZSTD(1)),
    serial      UInt16 CODEC(Delta, ZSTD(1)),
    edition     UInt16 CODEC(ZSTD(1)),
    phone       String CODEC(ZSTD(1)),
    body        String CODEC(ZSTD(3)),
    batch       UInt64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (vehicle_id, received_at)
TTL toDateTime(received_at) + INTERVAL ${days} DAY DELETE
SETTINGS index_granularity = 2048, ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1;

-- Bus messages that could not be read as facts, whole, with the cause: nothing a gateway promised to keep is thrown away.
CREATE TABLE IF NOT EXISTS quarantine
(
    at       DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    subject  String CODEC(ZSTD(1)),
    sequence UInt64 CODEC(ZSTD(1)),
    id       String CODEC(ZSTD(1)),
    gateway  String CODEC(ZSTD(1)),
    cause    String CODEC(ZSTD(1)),
    payload  String CODEC(ZSTD(3)),
    batch    UInt64 CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(at)
ORDER BY (at, sequence)
TTL toDateTime(at) + INTERVAL ${days} DAY DELETE
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000,
    fsync_after_insert = 1, fsync_part_directory = 1;

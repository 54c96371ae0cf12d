/** Name, meaning, advice. */
export const REASONS_EN: Record<string, readonly [string, string, string]> = {
  checksum: [
    'Check code wrong',
    'The check code is not the XOR of the bytes before it, so the content cannot be trusted.',
    'Now and then: the line. Always from one terminal: its maker should look at the order of check code and escaping.',
  ],
  body_length: [
    'Body length wrong',
    'The announced length fits neither a 2011, a 2013 nor a 2019 header.',
    'See whether the length counts escaped bytes, the header or the fragment item.',
  ],
  escape: ['Escape wrong', '0x7d is not followed by 0x01 or 0x02.', 'Check the escaping: 0x7e → 7d 02, 0x7d → 7d 01.'],
  short: [
    'Torn frame',
    'Too few bytes between two 0x7e and no valid check code: a piece that was cut off.',
    'Look for pairs around a disconnect; if it goes on, check the send buffer of the terminal.',
  ],
  short_header: [
    'Header incomplete',
    'The check code holds, but there are too few bytes for a header.',
    'Check header layout and edition of the terminal.',
  ],
  delimiter: [
    'Delimiter wrong',
    '0x7e is missing at an end, or stands unescaped in the middle.',
    'Check escaping and framing of the terminal.',
  ],
  version: ['Edition not supported', 'The version in the header is none of 2011, 2013, 2019.', 'Check model and firmware.'],
  fragment: ['Fragment number wrong', 'The number is 0 or above the total.', 'Check the fragment item of the terminal.'],
  fragments_missing: [
    'Fragments missing',
    'Asked for again (0x8003), but some never came; the message was given up.',
    'Mostly bad signal; if it goes on, see whether the terminal answers 0x8003.',
  ],
  body_short: [
    'Body too short',
    'A mandatory field is missing.',
    'Compare the terminal with the definition of the message.',
  ],
  body_malformed: [
    'Body contradicts itself',
    'A list does not fit its own counts or lengths.',
    'luwei explain shows which field.',
  ],
  body_trailing: [
    'Bytes left over',
    'Bytes remain after the body; what could be read was taken.',
    'Check counts and lengths of the message.',
  ],
  batch_count: [
    'Batch count wrong',
    '0x0704 announces another number of items than it holds; what could be read was taken.',
    'Check the count of the batch upload.',
  ],
  batch_item_length: [
    'Batch item length wrong',
    'An item of 0x0704 runs past the end.',
    'Check the length field of each location.',
  ],
  items_broken: [
    'Items run past the end',
    'An additional item is longer than the body, or bytes remain; the location was taken, the bytes are kept.',
    'Check ids and lengths of the items.',
  ],
  item_unknown: [
    'Unknown item',
    'The id of an additional item is not in the standard; the location was taken, the bytes are kept.',
    'Usually a vendor item; ask the maker for its definition if needed.',
  ],
  item_length: [
    'Item length wrong',
    'An additional item has another length than the standard says; the location was taken, the bytes are kept.',
    'Usually a vendor uses a reserved id.',
  ],
  message_unknown: [
    'Unknown message',
    'The message id is not supported; answered “unsupported”, the bytes are kept.',
    'See whether the terminal sends messages of its vendor.',
  ],
  repeated: [
    'Repeated',
    'The same location again, mostly sent anew after a reconnect; counted once.',
    'Nothing to do; if there are many, see whether the terminal gets 0x8001.',
  ],
  not_authenticated: [
    'Not authenticated',
    'The terminal sent something else before it was authenticated.',
    'It must register and authenticate first; often it forgets to after a reconnect.',
  ],
  code_wrong: [
    'Authentication code wrong',
    'The code is not the registered one.',
    'Clear the code in the terminal and register again, or check the registry.',
  ],
  terminal_unknown: ['Terminal unknown', 'The phone is not in the registry.', 'Register the terminal, or check its phone.'],
  registration_1: [
    'Registration refused: vehicle taken',
    'Another terminal is registered for this vehicle.',
    'Unbind the other terminal first.',
  ],
  registration_2: [
    'Registration refused: no such vehicle',
    'The vehicle is not in the registry.',
    'Register the vehicle first.',
  ],
  registration_3: [
    'Registration refused: terminal taken',
    'The terminal is registered for another vehicle.',
    'Unbind it first.',
  ],
  registration_4: [
    'Registration refused: no such terminal',
    'The terminal is not in the registry.',
    'Register the terminal first.',
  ],
  other_phone: [
    'Phone differs from the session',
    'The phone in the header is not the one this connection authenticated with.',
    'Check the phone set in the terminal; or several terminals share a connection.',
  ],
  phone_mismatch: [
    'Phone differs from the session',
    'The phone in the header is not the one this connection authenticated with.',
    'Check the phone set in the terminal; or several terminals share a connection.',
  ],
  encrypted: [
    'Encrypted',
    'The body is marked as RSA, but no key was exchanged with this terminal.',
    'Switch encryption off in the terminal.',
  ],
  too_long: [
    'Frame too long',
    'No delimiter within the longest frame the standard allows.',
    'Mostly missing escapes, or another protocol.',
  ],
  noise: [
    'Noise between frames',
    'A few bytes between two frames were passed over.',
    'Nothing to do; if there are many, check the terminal.',
  ],
  rate: [
    'Too fast',
    'The connection sends faster than allowed; the gateway reads it more slowly.',
    'Check the reporting interval.',
  ],
  internal: [
    'Internal error',
    'The gateway failed on this frame and closed the connection.',
    'Give the example to the people who run the platform.',
  ],
  check_code_unescaped: [
    'Check code not escaped',
    'A check code of 0x7d or 0x7e was sent without escape; taken with tolerance.',
    'The maker should correct the escaping.',
  ],
  flag_unescaped: [
    'Body not escaped',
    'A 0x7e in the body was not escaped; the two pieces were joined and taken.',
    'The maker should correct the escaping.',
  ],
  length_counts_escapes: [
    'Length counts escapes',
    'The length is that of the escaped body; taken with tolerance.',
    'The maker should correct the length.',
  ],
  length_counts_header: [
    'Length counts the header',
    'The length includes the header or the fragment item; taken with tolerance.',
    'The maker should correct the length.',
  ],
  version_flag_2013: [
    'Version flag set wrongly',
    'A 2013 header with the flag of 2019; read as 2013.',
    'The maker should correct bit 14 of the attributes.',
  ],
  version_flag_missing: [
    'Version flag missing',
    'A 2019 header without its flag; read as 2019.',
    'The maker should correct bit 14 of the attributes.',
  ],
  clock_behind: [
    'Clock 8 hours behind',
    'Times are steadily 8 hours before receipt: the terminal probably sends UTC.',
    'Have the maker send China time, or say clock_zone_h = 0 in a profile.',
  ],
  clock_ahead: [
    'Clock 8 hours ahead',
    'Times are steadily 8 hours after receipt: the UTC of 0x8004 was taken for another zone.',
    'Set server_time_zone_h = 8 in a profile, or have the maker mend it.',
  ],
  charset: [
    'Another charset',
    'The plate of the registration is not in the charset of the profile; read all the same.',
    'Have the maker use GBK, or name the charset in a profile.',
  ],
  edition_unexpected: [
    'Edition against the profile',
    'The header of the authentication has another edition than the profile.',
    'Check the profile, and whether the firmware was changed.',
  ],
  message_edition: [
    'No message of this edition',
    'The standard of its edition has no such message; read as declared.',
    'Usually left over from older firmware.',
  ],
  layout_2011: [
    'Body of 2011',
    'The body has the layout of 2011 and is read so.',
    'Check the edition of the terminal.',
  ],
  layout_2013: [
    'Body of 2013',
    'A body of 2013 under a header of 2019, such as a bare code; read so.',
    'Have the maker complete it, or say so in a profile.',
  ],
  heartbeat_body: [
    'Heartbeat with a body',
    'A heartbeat is empty; this one carries battery, signal or the like. Taken.',
    'Nothing to do.',
  ],
  audio_codec: [
    'Another audio coding',
    'The coding that the terminal names is not one of its profile.',
    'Check audio_codecs of the profile.',
  ],
  item_unexpected: [
    'Item outside the profile',
    'The item is a standard one, but not of this terminal’s profile; kept as it came.',
    'Check whether the profile is the right one.',
  ],
  speed_impossible: [
    'Impossible speed',
    'A speed above 250 km/h; kept as sent.',
    'Check the unit of speed or the receiver.',
  ],
  batch_single_length: [
    'One length for all items',
    '0x0704 has a single length and then bodies of that size; taken.',
    'Have the maker write a length before each item.',
  ],
  records_unreadable: [
    'Area data unreadable',
    'The records of 0x0608 are not those of the set messages; kept as they came.',
    'Ask the maker for the format.',
  ],
  too_many_waiting: [
    'Too much before authentication',
    'A UDP session sent too many datagrams before the registry had spoken.',
    'Check whether the terminal waits for the answer.',
  ],
  head_repeated: [
    'Head in every fragment',
    'Every fragment repeats the fields of the head; the first counts.',
    'Have the maker write the head in the first fragment only.',
  ],
  list_count: [
    'Wrong number of recordings',
    'The number in the list contradicts its length; read by the length.',
    'Check the count of the terminal.',
  ],
  recorder_packet: [
    'No recorder packet',
    'The block of 0x0700 is no packet of GB/T 19056; kept as it came.',
    'Check the model of the recorder.',
  ],
  recorder_check: [
    'Recorder check byte',
    'The check byte of a recorder’s packet is wrong; taken all the same.',
    'Check the link between recorder and terminal.',
  ],
  batch_item_unreadable: [
    'Unreadable item in a batch',
    'One item of 0x0704 is too short for a location; the others are taken.',
    'Check the content of each item.',
  ],
};

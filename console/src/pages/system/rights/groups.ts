/** English names of the groups of the matrix; the server gives the Chinese ones. */
export const groupNames: Readonly<Record<string, string>> = {
  vehicle: 'Vehicle, filing, install state',
  position: 'Live position, track',
  video: 'Live video',
  alarm: 'Alarms',
  evidence: 'Evidence (in-cab picture, video)',
  driver: 'Driver identity, face template',
  score: 'Scores, bulletins',
  upkeep: 'Instalment and upkeep ledger',
  audit: 'Audit log',
  platform: 'Platform',
  administration: 'Administration',
};

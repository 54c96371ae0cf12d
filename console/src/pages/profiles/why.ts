/** Criteria of a profile's match and their messages. */
const WHY = {
  manufacturer: 'why.manufacturer',
  model: 'why.model',
  firmware: 'why.firmware',
  province: 'why.province',
  edition: 'why.edition',
  dialect: 'why.dialect',
} as const;

/** Message of a criterion, null for one that this console does not know. */
export const whyKey = (key: string): (typeof WHY)[keyof typeof WHY] | null => WHY[key as keyof typeof WHY] ?? null;

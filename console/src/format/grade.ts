/** Grades G0 to G3 of an alarm (reference supervision §7.2): word, shape and tone, never the colour alone. */
import type { Words } from '@/i18n';

export type Grade = 0 | 1 | 2 | 3;

export interface GradeLook extends Words {
  /** Path in a box of 10 × 10: line, circle, diamond, triangle. */
  shape: string;
  tone: 'plain' | 'g1' | 'g2' | 'g3';
}

export const GRADES: Readonly<Record<Grade, GradeLook>> = {
  0: { zh: '车内', en: 'In cab', shape: 'M1 4h8v2H1z', tone: 'plain' },
  1: { zh: '一般', en: 'Normal', shape: 'M5 1a4 4 0 1 0 0 8 4 4 0 0 0 0-8z', tone: 'g1' },
  2: { zh: '较重', en: 'Grave', shape: 'M5 0l5 5-5 5-5-5z', tone: 'g2' },
  3: { zh: '严重', en: 'Severe', shape: 'M5 .5L10 9.500H0z', tone: 'g3' },
};

/** Gravest first, as queues count them. */
export const WORKED: readonly Grade[] = [3, 2, 1];

export function gradeOf(value: unknown): Grade {
  const number = Number(String(value).replace(/^G/i, ''));
  return number === 1 || number === 2 || number === 3 ? number : 0;
}

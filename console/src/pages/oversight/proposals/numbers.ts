/** A proposal's numbers in words. */
import type { Proposal } from '@/api/oversight';
import { share } from '@/format/number';
import { plateText } from '@/format/plate';
import { dateTime } from '@/format/time';
import { locale, useMessages } from '@/i18n';
import { lengthText } from '@/pages/alarms/deadline';

import { proposalMessages } from './messages';

const t = useMessages(proposalMessages);

export function titleOf(proposal: Pick<Proposal, 'kind' | 'numbers' | 'vehicle'>): string {
  const { kind, numbers: n, vehicle } = proposal;
  const plate = vehicle ? plateText(vehicle.plate) : '';
  if (kind === 'handled_rate' || kind === 'evidence_lost') return t(`title.${kind}`, { n: n.threshold_percent ?? '—' });
  if (kind === 'vehicle') return plate ? t('title.vehicleOf', { plate, days: n.days ?? '—' }) : t('title.vehicle', { days: n.days ?? '—' });
  if (kind === 'offline') return plate ? t('title.offlineOf', { plate }) : t('title.offline');
  return t(kind === 'overdue_day' ? 'title.overdue_day' : 'title.overdue');
}

/** What was found, in a sentence with its numbers and the rule's threshold. */
export function findingOf(proposal: Pick<Proposal, 'kind' | 'numbers' | 'vehicle'>): string {
  const { kind, numbers: n, vehicle } = proposal;
  const of = (name: string): number => n[name] ?? 0;
  const who = vehicle ? t('find.plate', { plate: plateText(vehicle.plate) }) : '';
  switch (kind) {
    case 'overdue':
      return who + t('find.overdue', { late: lengthText(of('late_ms'), locale.value) });
    case 'overdue_day':
      return t('find.overdue_day', { day: dateTime(of('day')).slice(0, 10), cases: of('cases'), late: lengthText(of('late_ms'), locale.value) });
    case 'handled_rate':
      return t('find.handled_rate', { cases: of('cases'), handled: of('handled'), rate: share(of('handled'), of('cases')), threshold: of('threshold_percent') });
    case 'evidence_lost':
      return t('find.evidence_lost', { files: of('files'), lost: of('lost'), rate: share(of('lost'), of('files')), threshold: of('threshold_percent') });
    case 'vehicle':
      return who + t('find.vehicle', { days: of('days'), cases: of('cases'), threshold: of('threshold') });
    case 'offline':
      return who + t('find.offline', {
        from: dateTime(of('from')).slice(0, 16), to: dateTime(of('to')).slice(0, 16), hours: of('hours'), km: of('km'),
        thresholdHours: of('threshold_hours'), thresholdKm: of('threshold_km'),
      });
    default:
      return '';
  }
}

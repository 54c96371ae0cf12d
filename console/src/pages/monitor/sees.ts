/** What of the map page an account has use for. */
import { ApiError } from '@/api/client';
import type { useSession } from '@/shell/session';

type Session = Pick<ReturnType<typeof useSession>, 'may' | 'onReason'>;

/** Lists of trucks need the trucks as well as their places: emergency management counts trucks, and follows one on a recorded reason. */
export const listsTrucks = (session: Session): boolean => session.may('read', 'vehicle') && session.may('read', 'position');

/** Why no place is shown, where the connection was refused: a reason that can be given, or nothing that helps. */
export const refusal = (session: Session): ApiError | null =>
  session.onReason(['position']) ? new ApiError(403, 'reason_required', '', 'position') : null;

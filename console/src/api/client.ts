/**
 * The one way to the server. Every request carries `X-Luwei: 1` (the server refuses writes without it: a foreign page cannot set
 * it) and the session cookie; every failure becomes an `ApiError`.
 */
export type QueryValue = string | number | boolean | readonly string[] | null | undefined;

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  query?: Record<string, QueryValue>;
  /** Sent as JSON, or as it is when it is a FormData. */
  body?: unknown;
  signal?: AbortSignal;
  /** A refusal is final: nobody is asked to lift it. */
  plain?: boolean;
  /** The truck that a reason is for, where neither address nor body names it. */
  about?: { vehicle: number };
}

/** The record that has a value already. */
export interface Clash {
  noun: string;
  id: number;
  label: string;
}

/**
 * `status` 0 means that no answer came at all; `rule` names the broken rule, `field` the field it concerns, `clash` the record that
 * a new value collides with.
 */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly rule: string,
    message: string,
    readonly field: string | null = null,
    readonly clash: Clash | null = null,
    /** Seconds until another try is let through (429). */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
    this.name = 'ApiError';
  }

  get forbidden(): boolean {
    return this.status === 403;
  }

  get unreachable(): boolean {
    return this.status === 0;
  }
}

let sessionEnded: (rule: string) => void = () => undefined;

/** Called once a request finds the session gone (401), except by the login itself. */
export function onSessionEnded(handler: (rule: string) => void): void {
  sessionEnded = handler;
}

/** Refusals that a person can lift: a reason to be recorded, a proof of who he or she is. */
export const LIFTED = ['reason_required', 'reauthenticate'];

type Lift = (error: ApiError, path: string, body: unknown) => Promise<boolean>;
let lift: Lift = () => Promise.resolve(false);

/** Called with a refusal of LIFTED; when it answers yes, the request is sent once more. */
export function onLiftable(handler: Lift): void {
  lift = handler;
}

export function withQuery(path: string, query: Record<string, QueryValue> = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (Array.isArray(value)) value.forEach((each: string) => parameters.append(name, each));
    else if (value !== null && value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}

interface Told {
  field?: string | null;
  rule?: string;
  message?: string;
  clash?: Clash;
  retry_after?: number;
}

async function failure(response: Response): Promise<ApiError> {
  try {
    const body = (await response.json()) as { error?: Told };
    const { field, rule, message, clash, retry_after } = body.error ?? {};
    return new ApiError(
      response.status, rule ?? 'unknown', message ?? response.statusText, field ?? null, clash ?? null, retry_after ?? null,
    );
  } catch {
    return new ApiError(response.status, 'unknown', response.statusText);
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** Here a 401 speaks of what was typed, not of the session. */
const PROOFS = ['/api/login', '/api/reauthenticate'];

/** The answer, once refusals that a person can lift are lifted; every other failure is thrown. */
async function answered(path: string, options: RequestOptions): Promise<Response> {
  const headers: Record<string, string> = { 'X-Luwei': '1', Accept: 'application/json' };
  let body: BodyInit | undefined;
  if (options.body instanceof FormData) body = options.body;
  else if (options.body !== undefined) {
    headers['Content-Type'] = 'application/json';
    body = JSON.stringify(options.body);
  }
  let response: Response;
  try {
    response = await fetch(withQuery(path, options.query), {
      method: options.method ?? (body === undefined ? 'GET' : 'POST'),
      headers,
      body,
      signal: options.signal,
      credentials: 'same-origin',
    });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(0, 'unreachable', String(error));
  }
  if (response.ok) return response;
  const error = await failure(response);
  if (response.status === 401 && !PROOFS.includes(path)) sessionEnded(error.rule);
  if (response.status === 403 && !options.plain && LIFTED.includes(error.rule)) {
    const lifted = await lift(error, withQuery(path, options.query), options.body ?? options.about);
    if (lifted && !options.signal?.aborted) return answered(path, { ...options, plain: true });
  }
  throw error;
}

export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const text = await (await answered(path, options)).text();
  return (text ? JSON.parse(text) : undefined) as T;
}

/** A file as it comes; `told` gets the headers of the answer. */
export async function requestFile(path: string, options: RequestOptions = {}, told?: (headers: Headers) => void): Promise<Blob> {
  const answer = await answered(path, options);
  told?.(answer.headers);
  return answer.blob();
}

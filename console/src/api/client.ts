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

let sessionEnded: () => void = () => undefined;

/** Called once a request finds the session gone (401), except by the login itself. */
export function onSessionEnded(handler: () => void): void {
  sessionEnded = handler;
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

async function failure(response: Response): Promise<ApiError> {
  try {
    const body = (await response.json()) as { error?: { field?: string | null; rule?: string; message?: string; clash?: Clash } };
    const { field, rule, message, clash } = body.error ?? {};
    return new ApiError(response.status, rule ?? 'unknown', message ?? response.statusText, field ?? null, clash ?? null);
  } catch {
    return new ApiError(response.status, 'unknown', response.statusText);
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
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
  if (!response.ok) {
    const error = await failure(response);
    if (response.status === 401 && path !== '/api/login') sessionEnded();
    throw error;
  }
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

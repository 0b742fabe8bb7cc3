// What a call to the API server can fail with.
import type { Status } from '../../emulator/api/types/meta.ts';

/** E_API_STATUS: the server said no, `status` says why. E_API_UNREACHABLE: no answer, or none in time. */
export class ApiError extends Error {
  readonly code: 'E_API_STATUS' | 'E_API_UNREACHABLE';
  readonly status: Status | undefined;
  constructor(code: ApiError['code'], message: string, status?: Status) {
    super(message);
    this.code = code;
    this.status = status;
  }
  /** The HTTP status, 0 when there was no answer. */
  get httpCode(): number {
    return this.status?.code ?? 0;
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.httpCode === 404;
export const isConflict = (error: unknown): boolean =>
  error instanceof ApiError && error.httpCode === 409 && error.status?.reason === 'Conflict';
export const isAlreadyExists = (error: unknown): boolean =>
  error instanceof ApiError && error.status?.reason === 'AlreadyExists';
/** 410: the past asked for is forgotten, list again. */
export const isGone = (error: unknown): boolean => error instanceof ApiError && error.httpCode === 410;

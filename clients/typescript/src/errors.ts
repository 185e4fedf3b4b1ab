// Refusals of the server, as errors.

/** The server refuses; `code` is for programs, and the same over REST and Socket.IO. */
export class RefusedError extends Error {
  override readonly name: string = "RefusedError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A REST request was answered with an error status; `code` as in its problem document. */
export class RestError extends RefusedError {
  override readonly name = "RestError";
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(code, message);
    this.status = status;
  }
}

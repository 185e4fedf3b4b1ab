// Rejections by the server, as errors.

/** The server rejected a request. `code` is for programs, and is the same over REST and Socket.IO. */
export class RefusedError extends Error {
  override readonly name: string = "RefusedError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** The server answered a REST request with an error status. `code` comes from the problem document. */
export class RestError extends RefusedError {
  override readonly name = "RestError";
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(code, message);
    this.status = status;
  }
}

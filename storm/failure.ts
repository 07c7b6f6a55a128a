/** What a storm found: one line, and below it whatever helps to understand it. */
export class StormFailure extends Error {
  readonly details: readonly string[];

  constructor(message: string, details: readonly string[] = []) {
    super(message);
    this.name = 'StormFailure';
    this.details = details;
  }
}

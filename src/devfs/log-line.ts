/** Characters. */
const LONGEST_LINE = 500;

/** One line for the log, whatever was written: who may write need not be who reads the log. */
export function logLine(text: string): string {
  const line = text.replaceAll(/\p{Cc}/gu, ' ');
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)}...` : line;
}

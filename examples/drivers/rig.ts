import { existsSync, readFileSync } from 'node:fs';

import { Adapter, afuOptions, openAfu, type Afu, type AfuDefinition, type CxlFile, type Diagnostic } from 'afukit';
import type { AfuDriver } from 'afukit/driver';

const root = new URL('../../../', import.meta.url);

export const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
export const exists = (path: string): boolean => existsSync(new URL(path, root));
export const guide: string = read('docs/drivers.md');

/** An AFU that does nothing of its own, with a driver. */
export class Rig {
  readonly afu: Afu;
  readonly diagnostics: Diagnostic[] = [];

  constructor(driver: AfuDriver, options: Partial<AfuDefinition> & { readonly callbackBudgetMs?: number } = {}) {
    // A busy machine is not the driver's fault.
    const { callbackBudgetMs = Infinity, ...definition } = options;
    const model = { name: 'still', attach() {} };
    const adapter = new Adapter({
      afus: [afuOptions({ model, ...definition, driver })],
      callbackBudgetMs,
      onDiagnostic: diagnostic => this.diagnostics.push(diagnostic),
    });
    this.afu = adapter.afus[0]!;
  }

  open(): CxlFile {
    const file = openAfu(this.afu);
    file.startWork();
    return file;
  }

  /** What a write to one of the driver's control files does. */
  write(name: string, text: string): void {
    void this.afu.driver!.driver.controls!(this.afu)[name]!.write!(Buffer.from(text));
  }
}

/** The payload of the next event, a driver's; undefined when nothing is pending. */
export function payload(file: CxlFile): Buffer | undefined {
  if (file.poll() === 0) return undefined;
  const buffer = Buffer.alloc(4096);
  return buffer.subarray(8, file.readSync(buffer));
}

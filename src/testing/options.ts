import { afuOptions, type AfuDefinition } from '../afu/index.ts';
import { Adapter, withCardNumbers, type AdapterOptions, type DiagnosticSink } from '../core/index.ts';
import { sectionDebug, type DevicePermissions } from '../devfs/index.ts';
import type { MayComplain } from './complaints.ts';

/** One card; without a number it gets the lowest that no other has. */
export interface AdapterSetup extends Pick<AdapterOptions, 'card' | 'description' | 'guest'> {
  /** Its AFUs, slice 0 first; 1 to 4. */
  readonly afus: readonly AfuDefinition[];
}

interface HostSettings {
  /** Who may open the device files; default: this process's user, 0600. */
  readonly permissions?: Partial<DevicePermissions> | undefined;
  /** Milliseconds that a driver's callback may take; default Infinity: a busy machine is not the driver's fault. */
  readonly callbackBudgetMs?: number | undefined;
  /** Looks for promises and timers begun inside a driver's callbacks; slow. Default false. */
  readonly debug?: boolean | undefined;
  /** What may be complained about without failing the test. Default: nothing. */
  readonly mayComplain?: MayComplain | undefined;
  /** An empty directory to mount on; default: a new temporary one, which goes away again. */
  readonly mount?: string | undefined;
  /** How long the host's waits last, in milliseconds, if they do not say themselves; default 10 000. */
  readonly timeoutMs?: number | undefined;
}

/** What is served: cards, or in short the AFUs of the only card. */
export type HostOptions = HostSettings &
  (
    | { readonly adapters: readonly AdapterSetup[]; readonly afus?: undefined }
    | { readonly afus: readonly AfuDefinition[]; readonly adapters?: undefined }
  );

/** @throws RangeError for a number that is out of its range */
export function adaptersFor(options: HostOptions, onDiagnostic: DiagnosticSink): Adapter[] {
  const { callbackBudgetMs = Infinity, debug = false } = options;
  const sections = debug ? sectionDebug() : undefined;
  return withCardNumbers(options.adapters ?? [{ afus: options.afus }]).map(
    ({ afus, ...card }) =>
      new Adapter({ ...card, afus: afus.map(afuOptions), callbackBudgetMs, sections, onDiagnostic }),
  );
}

import type {
  AfuDefinition,
  EchoOptions,
  MemcpyOptions,
  NullOptions,
  RegisterModelOptions,
  TickerOptions,
} from '../afu/index.ts';
import type { CardDescription, ConfigurationRecord } from '../core/index.ts';

/** A stock model by its name, with its own options beside what every AFU has. */
export type NamedModel =
  | ({ readonly model: 'ticker' } & TickerOptions)
  | ({ readonly model: 'echo' } & EchoOptions)
  | ({ readonly model: 'memcpy' } & MemcpyOptions)
  | ({ readonly model: 'null' } & NullOptions)
  | ({ readonly model: 'registers' } & RegisterModelOptions);

/**
 * One AFU: a stock model by name, or a definition from a function of `afukit/afu` or your own. A driver given as a path,
 * relative to the config file, is a module that can be unloaded and reloaded while it is served.
 */
export type AfuConfig = AsWritten<AfuDefinition> | AsWritten<NamedModel>;

/** Bytes, or a text whose UTF-8 they are. */
export type Bytes = Uint8Array | readonly number[] | string;

type AsWritten<T> = (T extends { driver?: infer D }
  ? Omit<T, 'driver' | keyof WithBytes> & { readonly driver?: D | string | undefined }
  : Omit<T, keyof WithBytes>) &
  WithBytes;

interface WithBytes {
  readonly configurationRecords?:
    | readonly (Omit<ConfigurationRecord, 'config'> & { readonly config?: Bytes | undefined })[]
    | undefined;
  /** What the AFU says about its errors: sysfs `afu_err_buff`. */
  readonly errorBuffer?: Bytes | undefined;
}

export interface AdapterConfig {
  /** Card number, 0 to 18; default: the lowest that no other adapter has. */
  readonly card?: number | undefined;
  /** As a guest of PowerVM sees the card, with a device file for images; default false. */
  readonly guest?: boolean | undefined;
  /** What the card says of itself in sysfs. */
  readonly description?: Partial<CardDescription> | undefined;
  /** Its AFUs, slice 0 first; 1 to 4. */
  readonly afus: readonly AfuConfig[];
}

/** What `afukit serve` and `afukit run` serve. */
export interface AfukitConfig {
  readonly adapters: readonly AdapterConfig[];
  /** Looks for promises and timers begun inside a driver's callbacks; slow. Default false. */
  readonly debug?: boolean | undefined;
  /** Milliseconds that a driver's callback may take before that is reported; default 1. */
  readonly callbackBudgetMs?: number | undefined;
  /** Of the files in dev/cxl; the kernel enforces them. */
  readonly permissions?:
    | {
        /** User name or id; default: who runs afukit. */
        readonly owner?: string | number | undefined;
        /** Group name or id; default: the group of who runs afukit. */
        readonly group?: string | number | undefined;
        /** Permission bits, such as 0o660 or "0660"; default 0o600. */
        readonly mode?: string | number | undefined;
      }
    | undefined;
}

/** A config file's default export: the configuration, or a function that makes it. */
export type AfukitConfigExport = AfukitConfig | (() => AfukitConfig | Promise<AfukitConfig>);

/** Returns the configuration, typed: `export default defineConfig({ adapters: [...] })`. */
export function defineConfig(config: AfukitConfigExport): AfukitConfigExport {
  return config;
}

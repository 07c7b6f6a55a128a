/**
 * The Linux cxl driver's contexts and events in user space: `afukit`.
 *
 * @module
 */
export * from './abi/index.ts';
export * from './core/index.ts';
export { CxlFile, openAfu, type StartWorkOptions, type WaitOptions } from './file/index.ts';
export {
  afuOptions,
  defineAfu,
  defineModel,
  echo,
  localMemory,
  memcpy,
  nullModel,
  registerModel,
  ticker,
  type AfuDefinition,
  type AfuModel,
  type ProcessElement,
} from './afu/index.ts';
export {
  defineConfig,
  type AdapterConfig,
  type AfuConfig,
  type AfukitConfig,
  type AfukitConfigExport,
} from './cli/define-config.ts';

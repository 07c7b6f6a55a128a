/** How a program is started so that it finds the devices of a tree where it looks for them. */
export {
  NamespaceError,
  namespaceCommand,
  runInNamespace,
  spawnInNamespace,
  type NamespaceCommand,
  type NamespaceFailure,
  type NamespacedChild,
  type NamespacedProgram,
} from './namespace.ts';
export { withPreload } from './preload.ts';

/** Explores the interleavings of a driver, its readers and its card: `afukit/check`. */
export type { Budget } from './actors/actor.ts';
export type { ReaderKind, ReaderSpec } from './actors/reader.ts';
export { explore, type Bounds, type Exploration, type Found, type Progress } from './explorer.ts';
export { Fingerprint } from './fingerprint.ts';
export { parseReplay, replay, replayOf, type ReplayFile } from './replay.ts';
export { checkScenario, fullBounds, quickBounds, type Outcome } from './run.ts';
export { scenarios, worldOf, type Scenario } from './scenarios.ts';
export type { DoorName, Setup } from './setup.ts';
export { attempt, shrink, type Shrunk } from './shrink.ts';
export { storyText, tell, violationText, type Line, type Story } from './story.ts';
export { invariants, type Action, type Invariant, type System, type SystemMaker, type Violation } from './system.ts';
export type { DriverCheck, DriverFile } from './user-driver.ts';
export { userScenarios } from './user-scenarios.ts';

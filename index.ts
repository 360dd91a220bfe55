// The library: a machine with a kernel of one posting, calls, and a look at its state.

export {abi} from './arch/abi.ts';
export type {AbiView, Revision as AbiRevision} from './arch/abi.ts';
export {collisions} from './arch/collisions.ts';
export {architectureNames, kernelNames, postingNames} from './include/linux/abi.ts';
export type {ArchitectureName, KernelName, PostingName} from './include/linux/abi.ts';
export {Kernel, Task} from './kernel/kernel.ts';
export type {Access, Flags, PageView, Reason, VmaView} from './kernel/kernel.ts';
export {errnoName, errnos} from './include/asm-generic/errno.ts';
export {KernelBug, ModelBug, NotModelledError, OutOfFrames} from './include/linux/bug.ts';
export {decisions} from './include/linux/decisions.ts';
export type {Decision, DecisionName, Letter} from './include/linux/decisions.ts';
export type {Config} from './include/linux/machine.ts';
export {revisions} from './include/linux/revision.ts';
export type {Revision, RevisionName} from './include/linux/revision.ts';
export type {Rss} from './mm/task_mmu.ts';

// The tables by themselves, as `userfault-model/abi`: they load without the model.

export {abi, abis} from './abi.ts';
export type {AbiView, Revision as AbiRevision} from './abi.ts';
export {type Collision, collisions} from './collisions.ts';
export {patch_powerpc, patch_source} from './x86/patch.ts';
export {accepted_old_values} from './parisc/mman.ts';
export {architectureNames, kernelNames, postingNames} from '../include/linux/abi.ts';
export type {Abi, ArchitectureName, KernelName, Memory, Mman, Patch, PostingName, Syscalls} from '../include/linux/abi.ts';
export * as userfault from '../include/linux/userfault.ts';

import type {mm_struct} from './mm_types.ts';
import {VM_EXEC, VM_GROWSDOWN, VM_LOCKED, VM_READ, VM_WRITE} from './mm.ts';

// include/linux/mman.h and the constants of include/uapi/asm-generic/mman-common.h that mm itself looks at. A trace's symbolic flags come
// from the tables of its architecture; the system call gets these.
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;
export const PROT_SEM = 8;
export const PROT_GROWSDOWN = 0x0100_0000;
export const PROT_GROWSUP = 0x0200_0000;

export const MAP_SHARED = 0x01;
export const MAP_PRIVATE = 0x02;
export const MAP_TYPE = 0x0f;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_32BIT = 0x40;
export const MAP_GROWSDOWN = 0x0100;
export const MAP_LOCKED = 0x2000;
export const MAP_NORESERVE = 0x4000;
export const MAP_POPULATE = 0x8000;
export const MAP_NONBLOCK = 0x1_0000;
export const MAP_HUGETLB = 0x4_0000;

export const MREMAP_MAYMOVE = 1;
export const MREMAP_FIXED = 2;

export const MS_ASYNC = 1;
export const MS_INVALIDATE = 2;
export const MS_SYNC = 4;

export const MCL_CURRENT = 1;
export const MCL_FUTURE = 2;

/** @source include/linux/mman.h:calc_vm_prot_bits() - K */
export function calc_vm_prot_bits(prot: number): number {
	return ((prot & PROT_READ) !== 0 ? VM_READ : 0) | ((prot & PROT_WRITE) !== 0 ? VM_WRITE : 0) | ((prot & PROT_EXEC) !== 0 ? VM_EXEC : 0);
}

/** @source include/linux/mman.h:calc_vm_flag_bits() - K @model MAP_DENYWRITE is of files only. */
export function calc_vm_flag_bits(flags: number): number {
	return ((flags & MAP_GROWSDOWN) !== 0 ? VM_GROWSDOWN : 0) | ((flags & MAP_LOCKED) !== 0 ? VM_LOCKED : 0);
}

/** No other PROT bits than the known ones. @param prot - all 64 bits @source include/linux/mman.h:arch_validate_prot() - I */
export function arch_validate_prot(_mm: mm_struct, prot: number): boolean {
	return prot >= 0 && prot <= (PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM);
}

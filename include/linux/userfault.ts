import {moving} from '../asm-generic/mman-common.ts';
import type {PostingName} from './abi.ts';

// What the patch adds on every architecture, beside its advices and its system call.

/** include/linux/mm.h and fs/proc/task_mmu.c of the posting; vm_flags becomes 64 bits wide on 32-bit kernels too. */
export const vm_flags = {VM_USERFAULT: 0x1_0000_0000} as const;
export const VM_USERFAULT_BIT = 32;
export const smaps_word = 'uf';

/** include/linux/mm.h today: the bit is another's. */
export const vm_flags_7_2 = {VM_HIGH_ARCH_0: 0x1_0000_0000} as const;

/** Which postings tell the two numbers: the patches of 2013-05 are not at hand. */
export const told: readonly PostingName[] = ['2014-07', '2014-10'];

/** mm/fremap.c of the posting. */
export const flags = {RAP_ALLOW_SRC_HOLES: moving.RAP_ALLOW_SRC_HOLES} as const;

// include/uapi/linux/userfaultfd.h, Linux 7.2 (since 6.8). An ioctl for reading and writing has the same number on all nine ABIs: the direction
// bits of alpha and mips differ, their sum does not.
export const uffdio = {
	UFFDIO:                              0xaa,
	_UFFDIO_MOVE:                           5,
	struct_uffdio_move_bytes:              40,
	UFFDIO_MOVE:                  0xc028_aa05,
	UFFDIO_MOVE_MODE_DONTWAKE:        moving.UFFDIO_MOVE_MODE_DONTWAKE,
	UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES: moving.UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES,
	UFFD_FEATURE_MOVE:                0x1_0000,
	UFFD_FEATURE_SIGBUS:                  0x80,
	UFFDIO_REGISTER_MODE_MISSING:            1,
} as const;

/** mm/Kconfig, Linux 3.10 and 3.17. */
export const thp_default = {enabled: 'always', choices: ['always', 'madvise'], config: 'TRANSPARENT_HUGEPAGE_ALWAYS', source: 'mm/Kconfig (3.10, 3.17)'} as const;

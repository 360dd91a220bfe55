import test from 'ava';
import {_PAGE_PRESENT, _PAGE_RW, _PAGE_SWAP} from '../../arch/x86/pgtable.ts';
import {Machine} from '../../include/linux/machine.ts';
import {PG_anon, PG_mlocked, PG_swapcache, set_page_index, vma_flags, vma_set_flags, VM_EXEC, VM_LOCKED} from '../../include/linux/mm.ts';
import type {mm_struct, vm_area_struct} from '../../include/linux/mm_types.ts';
import {dispatch, newOutcome} from '../../kernel/dispatch.ts';
import {addTask, mm_alloc} from '../../kernel/fork.ts';
import {alloc_page} from '../../mm/page_alloc.ts';
import {BrokenInvariant, type Invariant} from './broken.ts';
import {checkInvariants, checkNothingLeft} from './invariants.ts';
import {step} from './random-events.ts';

// The invariants can be broken: each is, by hand, in a machine that has something of everything, and must be noticed.

const PAGE = 4096, START = 0x2000_0000, HUGE = 0x2020_0000, RW = 3, FIXED = 0x32, SHARED_FILE = 0x11;

/** The places of a machine that can be broken. */
interface Sample {
	readonly m: Machine;
	/** The parent's address space, and its vma. */
	readonly mm: mm_struct;
	readonly vma: vm_area_struct;
	/** The pte of a page of that vma. */
	place(page: number): number;
	/** The pmd entry of the huge page. */
	readonly huge: number;
	/** What that pte holds: a frame or a slot. */
	held(page: number): number;
	/** Puts an entry there, past the model. */
	put(page: number, bits: number, frame: number): void;
}

/**
 * Two tasks after a fork. Pages of the parent's first vma: 0 and 1 shared, 2 its own, 3 swapped out, 4 read in and in the swap cache, with the child
 * still holding the slot, 5 the zero page, 6 and up empty, up to 15; its second vma, from 32, is mlocked, its third, from 48, is read-only; the fourth, from 64,
 * is of a file, whose first page is there. Behind it, at HUGE, is a huge page.
 */
function sample(): Sample {
	const m = new Machine({revision: '2014-10', swap: 8, thp: 'always'}), out = newOutcome();
	addTask(m, 1, mm_alloc(m));
	const at = (page: number): number => START + page * PAGE;
	const rows = [
		step('mmap', 1, [at(0), 16 * PAGE, RW, FIXED, -1, 0]),
		step('mmap', 1, [at(32), 2 * PAGE, RW, FIXED, -1, 0]),
		step('mmap', 1, [at(48), 2 * PAGE, RW, FIXED, -1, 0]),
		step('mlock', 1, [at(32), 2 * PAGE]),
		step('write', 1, [at(48), PAGE, 6]),
		step('mprotect', 1, [at(48), 2 * PAGE, 1]),
		step('write', 1, [at(0), 5 * PAGE, 7]),
		step('fork', 1, [], {child: 2}),
		step('write', 1, [at(2), 1, 8]),
		step('file', 1, [3, PAGE]),
		step('mmap', 1, [at(64), PAGE, RW, SHARED_FILE, 3, 0]),
		step('write', 1, [at(64)]),
		step('mmap', 1, [HUGE, 512 * PAGE, RW, FIXED, -1, 0]),
		step('write', 1, [HUGE + 5 * PAGE, 1, 9]),
		step('swap_out', 1, [at(3), 2 * PAGE]),
		step('read', 1, [at(4), 1, 7]),
		step('read', 1, [at(5)]),
	];
	for (const row of rows) {
		out.child = row.child;
		dispatch(m, m.tasks.get(row.task)!, row, out);
	}
	const mm = m.tasks.get(1)!.mm!, {tables} = m, table = (directory: number, index: number): number => tables.frame[directory * tables.stride + index]!;
	const pmds = table(table(mm.pgd, 0), 0), ptes = table(pmds, START / 2 ** 21), huge = pmds * tables.stride + HUGE / 2 ** 21;
	const place = (page: number): number => ptes * tables.stride + page;
	return {
		m, mm, vma: mm.mmap!, place, huge,
		held: page => tables.frame[place(page)]!,
		put(page, bits, frame) {
			tables.bits[place(page)] = bits;
			tables.frame[place(page)] = frame;
		},
	};
}

test('checkInvariants finds nothing wrong with a machine that has something of everything', t => {
	const {m} = sample();
	t.notThrows(() => checkInvariants(m));
	t.notThrows(() => checkInvariants(m));
});

const notices = test.macro({
	title: (_, invariant: Invariant, what: string) => `checkInvariants notices ${what}: ${invariant}`,
	exec(t, invariant: Invariant, _what: string, damage: (broken: Sample) => void) {
		const broken = sample();
		checkInvariants(broken.m);
		damage(broken);
		const error = t.throws(() => checkInvariants(broken.m), {instanceOf: BrokenInvariant});
		t.is(error.invariant, invariant, error.message);
	},
});

// pages
test(notices, 'mapcount', 'a mapcount that is one too high', ({m, held}) => m.mem_map._mapcount[held(0)]!++);
test(notices, 'mapcount', 'a page that one more entry maps', ({put, mm, held, place, m}) => {
	put(6, m.tables.bits[place(0)]!, held(0));
	mm.rss_stat[1]!++;
	m.mem_map.index[held(0)] = START / PAGE + 6;
});
test(notices, 'page count', 'a reference that nobody holds', ({m, held}) => m.mem_map._count[held(2)]!++);
test(notices, 'page count', 'a page that was never given back', ({m}) => alloc_page(m));
test(notices, 'anonymous pages', 'a mapped page without an anon_vma', ({m, held}) => {
	m.mem_map.flags[held(2)] = 0;
	m.mem_map.mapping[held(2)] = 0;
});
test(notices, 'anonymous pages', 'a page in a vma without an anon_vma', ({vma}) => {
	vma.vm_pgoff = vma.vm_start / PAGE;
	for (const {anon_vma: av} of vma.anon_vma_chain) av.rb_root.remove(vma.vm_pgoff, vma.anon_vma_chain[0]!);
	vma.anon_vma_chain.length = 0;
	vma.anon_vma = null;
});
test(notices, 'mlocked pages', 'an mlocked page that is not mapped', ({m, mm, held, put}) => {
	m.mem_map.flags[held(4)]! |= PG_mlocked;
	m.mem_map._mapcount[held(4)] = 0;
	m.mem_map._count[held(4)] = 1;
	put(4, 0, 0);
	mm.rss_stat[1]!--;
});
test(notices, 'frames', 'a frame that is missing from the list of the free ones', ({m}) => {
	m.mem_map.group_free[1] = m.mem_map.index[m.mem_map.group_free[1]!]!;
});
test(notices, 'frames', 'a count of frames that is too low', ({m}) => m.mem_map.nr_used--);
test(notices, 'frames', 'a group of frames that is in no list', ({m}) => m.mem_map.partial_group = 0);
test(notices, 'frames', 'a free frame that is mapped', ({m, put, place, mm}) => {
	const free = m.mem_map.group_free[1]!;
	put(6, m.tables.bits[place(2)]!, free);
	m.mem_map.flags[free] = PG_anon;
	mm.rss_stat[1]!++;
});
test(notices, 'frames', 'a zero page that was written', ({m}) => m.mem_map.token_lo[1] = 1);
test(notices, 'rmap', 'a page with another index', ({m, held}) => set_page_index(m, held(2), 77));
test(notices, 'rmap', 'a page with another anon_vma of the same root', ({m, held}) => {
	m.mem_map.mapping[held(2)] = m.tasks.get(2)!.mm!.mmap!.anon_vma!.id;
});
test(notices, 'rmap', 'a page whose anon_vma is dead', ({m, held}) => m.mem_map.mapping[held(2)] = 12_345);

test(notices, 'huge pages', 'a huge page without a table put by', ({m, mm}) => m.tables.free(mm.pmd_huge_pte.pop()!));
test(notices, 'huge pages', 'a table put by that is not empty', ({m, mm}) => m.tables.bits[mm.pmd_huge_pte[0]! * 512 + 5] = 1);
test(notices, 'huge pages', 'a huge entry of a base page', ({m, huge, held}) => m.tables.frame[huge] = held(2));
test(notices, 'huge pages', 'a huge page that begins before its vma', ({mm}) => {
	const last = mm.mm_rb.floor(HUGE)!;
	mm.mm_rb.remove(HUGE, last);
	last.vm_start += PAGE;
	mm.mm_rb.insert(last.vm_start, last);
	mm.total_vm--;
});
test(notices, 'frames', 'a part of a huge page with a count of its own', ({m, huge}) => m.mem_map._count[m.tables.frame[huge]! + 1] = 1);
test(notices, 'mapcount', 'a mapcount of a huge page that is wrong', ({m, huge}) => m.mem_map._mapcount[m.tables.frame[huge]!]!++);
test(notices, 'file pages', 'a page of a file that is mapped and not in the page cache', ({m}) => m.fds.get(3)!.i_pages.clear());
test(notices, 'file pages', 'a page of a file at another offset', ({vma}) => vma.vm_next!.vm_next!.vm_next!.vm_pgoff++);
test(notices, 'files', 'a file that is held once too often', ({m}) => m.fds.get(3)!.f_count++);

// swap
test(notices, 'swap count', 'a slot that is counted once too often', ({m, held}) => m.swap.count[held(3)]!++);
test(notices, 'swap cache', 'a page that the swap cache has forgotten', ({m, held}) => m.swap.cache[m.mem_map.private_[held(4)]!] = 0);
test(notices, 'swap cache', 'a page that has forgotten the swap cache', ({m, held}) => m.mem_map.flags[held(4)]! &= ~PG_swapcache);
test(notices, 'swap cache', 'a slot at a page that is not in the swap cache', ({m, held}) => m.mem_map.private_[held(2)] = 3);
test(notices, 'swap slots', 'an inuse_pages that is wrong', ({m}) => m.swap.inuse_pages++);
test(notices, 'swap slots', 'an entry of a slot that is none', ({put, mm}) => {
	put(6, _PAGE_SWAP, 9);
	mm.rss_stat[2]!++;
});
test(notices, 'swap slots', 'a free slot that still has its content', ({m}) => m.swap.token_lo[7] = 1);
test(notices, 'clean pages', 'a clean page that differs from its slot', ({m, held}) => m.mem_map.token_lo[held(4)] = 9);
test(notices, 'shared slots', 'a slot that is held at two indexes', ({m, held, mm, put}) => {
	put(6, _PAGE_SWAP, held(3));
	mm.rss_stat[2]!++;
	m.swap.count[held(3)]!++;
});

// page tables
test(notices, 'page tables', 'an nr_ptes that is wrong', ({mm}) => mm.nr_ptes--);
test(notices, 'page tables', 'a table that nobody has', ({m}) => m.tables.alloc());
test(notices, 'page tables', 'a table that two have', ({m, mm}) => {
	m.tables.frame[m.tasks.get(2)!.mm!.pgd * 512] = m.tables.frame[mm.pgd * 512]!;
});
test(notices, 'page tables', 'a free table that is not empty', ({m}) => {
	const table = m.tables.alloc();
	m.tables.bits[table * 512 + 5] = 1;
	m.tables.free(table);
});
test(notices, 'page tables', 'a table where no vma is', ({m, mm}) => {
	m.tables.bits[mm.pgd * 512 + 9] = _PAGE_PRESENT;
	m.tables.frame[mm.pgd * 512 + 9] = m.tables.alloc();
});
test(notices, 'walk cache', 'a remembered pmd that is another', ({mm}) => mm.walk_pmd[mm.walk_key.findIndex(key => key >= 0)]!++);
test(notices, 'entries', 'an entry outside of every vma', ({put, m, place}) => put(20, m.tables.bits[place(5)]!, 1));
test(notices, 'entries', 'an entry that is neither present nor swapped', ({put}) => put(6, 0x40, 0));
test(notices, 'entries', 'a zero page that is writable', ({put, m, place}) => put(5, m.tables.bits[place(5)]! | _PAGE_RW, 1));
test(notices, 'entry rights', 'a writable entry in a read-only vma', ({put, m, place, held}) => put(48, m.tables.bits[place(48)]! | _PAGE_RW, held(48)));
test(notices, 'entry rights', 'an entry with rights that its vma does not have', ({put, m, place, held}) => put(2, m.tables.bits[place(2)]! & ~0x1000, held(2)));
test(notices, 'copy-on-write', 'a writable page that two tasks map', ({put, m, place, held}) => put(0, m.tables.bits[place(0)]! | _PAGE_RW, held(0)));
test(notices, 'copy-on-write', 'a writable page whose slot another task holds', ({put, m, place, held}) => put(4, m.tables.bits[place(4)]! | _PAGE_RW, held(4)));

// address spaces
test(notices, 'rss', 'a count of anonymous pages that is wrong', ({mm}) => mm.rss_stat[1]!++);
test(notices, 'rss', 'a count of swap entries that is wrong', ({mm}) => mm.rss_stat[2]!--);
test(notices, 'rss', 'a count of pages of files that is wrong', ({mm}) => mm.rss_stat[0]!++);
test(notices, 'tasks', 'an address space with a user too many', ({mm}) => mm.mm_users++);
test(notices, 'tasks', 'an address space without a task', ({m}) => m.tasks.delete(2));
test(notices, 'vma list', 'a map_count that is wrong', ({mm}) => mm.map_count++);
test(notices, 'vma list', 'a vm_prev that is wrong', ({vma}) => vma.vm_next!.vm_prev = null);
test(notices, 'vma list', 'vmas that overlap', ({vma}) => vma.vm_end = vma.vm_next!.vm_start + PAGE);
test(notices, 'vma list', 'a vma that is not in the tree', ({mm, vma}) => mm.mm_rb.remove(vma.vm_start, vma));
test(notices, 'vma list', 'a vma that is not page-aligned', ({vma}) => vma.vm_end -= 1);
test(notices, 'vma', 'a vm_page_prot that is not that of the flags', ({vma}) => vma_set_flags(vma, vma_flags(vma) + VM_EXEC));
test(notices, 'total_vm', 'a total_vm that is wrong', ({mm}) => mm.total_vm++);
test(notices, 'locked_vm', 'a locked_vm that is wrong', ({mm}) => mm.locked_vm--);
test(notices, 'locked_vm', 'an mlocked vma that was not counted', ({vma}) => vma_set_flags(vma, vma_flags(vma) + VM_LOCKED));
test(notices, 'locks', 'an mmap_sem that was not given back', ({mm}) => mm.mmap_sem_write = true);

// anon_vmas
test(notices, 'anon_vma chain', 'a vma whose anon_vma is not its newest link', ({m}) => {
	const child = m.tasks.get(2)!.mm!.mmap!;
	child.anon_vma = child.anon_vma_chain[0]!.anon_vma;
});
test(notices, 'anon_vma chain', 'an anon_vma without a link', ({vma}) => vma.anon_vma_chain.length = 0);
test(notices, 'anon_vma chain', 'a link that is there twice', ({vma}) => vma.anon_vma_chain.push(vma.anon_vma_chain[0]!));
test(notices, 'anon_vma tree', 'a link that is missing from the tree', ({vma}) => {
	const link = vma.anon_vma_chain[0]!;
	link.anon_vma.rb_root.remove(link.pgoff, link);
});
test(notices, 'anon_vma tree', 'a vma that was put under another offset', ({vma}) => {
	const link = vma.anon_vma_chain[0]!;
	link.anon_vma.rb_root.remove(link.pgoff, link);
	link.pgoff++;
	link.anon_vma.rb_root.insert(link.pgoff, link);
});
test(notices, 'anon_vma tree', 'a vma that is longer than the longest', ({vma}) => vma.anon_vma!.longest = 3);
test(notices, 'anon_vma refcount', 'a reference to an anon_vma that nobody holds', ({vma}) => vma.anon_vma!.refcount++);
test(notices, 'anon_vma refcount', 'a root that does not know of a child', ({vma}) => vma.anon_vma!.refcount--);
test(notices, 'anon_vma refcount', 'a root that is dead', ({m, vma}) => m.anon_vmas.delete(vma.anon_vma!.id));

const left = test.macro({
	title: (_, what: string) => `checkNothingLeft notices ${what}`,
	exec(t, what: string, leave: (m: Machine) => void) {
		const {m} = sample(), out = newOutcome();
		checkInvariants(m);
		for (const task of [...m.tasks.values()]) dispatch(m, task, step('exit', task.pid), out);
		checkNothingLeft(m);
		leave(m);
		t.throws(() => checkNothingLeft(m), {instanceOf: BrokenInvariant}, what);
	},
});
test(left, 'an address space', m => m.mms.add(mm_alloc(m)));
test(left, 'a task', m => addTask(m, 3, mm_alloc(m)));
test(left, 'a frame', m => alloc_page(m));
test(left, 'a table', m => m.tables.alloc());
test(left, 'a slot', m => m.swap.inuse_pages++);

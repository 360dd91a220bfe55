import {pte_none, ptep_get} from '../../include/asm-generic/pgtable.ts';
import type {Machine} from '../../include/linux/machine.ts';
import {page_index, page_mapcount, PageAnon, PageDirty, PageKsm, PageMlocked, PageSwapCache, PageTransHuge} from '../../include/linux/mm.ts';
import type {mm_struct} from '../../include/linux/mm_types.ts';
import {walkPmds} from '../../mm/memory.ts';
import {permissions, rss, show_smap_vma_flags, shownStart, vmas} from '../../mm/task_mmu.ts';
import {forEachPte} from '../../mm/vmscan.ts';
import {describe, formatWords, hex, newPageState, observe} from '../../kernel/observe.ts';

/** Address and entry of a line, without its frame, by which alike neighbours are found. */
interface Run {
	start: number;
	end: number;
	text: string;
}

const state = newPageState();

/** What is printed of an entry; frames and slots carry the model's own numbers. */
function entryText(mm: mm_struct, address: number, relative: number): string {
	observe(mm, address, state);
	if (state.pfn !== 0) state.pfn -= relative;
	if (state.entry !== 0) state.entry -= relative;
	if (state.index >= 0) state.index -= relative;
	return describe(state, (_, object) => String(object));
}

/** The entries of an address space: neighbours whose frames and indexes follow each other are one line. */
function* entryLines(mm: mm_struct): Generator<string> {
	const {PAGE_SIZE} = mm.arch, runs: Run[] = [];
	forEachPte(mm, 0, mm.arch.TASK_SIZE, (_, address) => {
		const run = runs.at(-1);
		if (run !== undefined && run.end === address && entryText(mm, address, (address - run.start) / PAGE_SIZE) === run.text) run.end = address + PAGE_SIZE;
		else runs.push({start: address, end: address + PAGE_SIZE, text: entryText(mm, address, 0)});
	});
	for (const {start, end, text} of runs) yield `  ${hex(start)}-${hex(end)} ${String((end - start) / PAGE_SIZE).padStart(5)}  ${text}`;
}

/** How many tables hang below the pgd. */
function tableCount(mm: mm_struct): number {
	let tables = 0;
	const m = mm.machine;
	walkPmds(mm, 0, mm.arch.TASK_SIZE, pmd => {
		if (!pte_none(ptep_get(m, pmd))) tables++;
	});
	return tables;
}

function* spaceLines(m: Machine, mm: mm_struct): Generator<string> {
	const tasks = [...m.tasks.values()].filter(task => task.mm === mm).map(task => task.pid), {anon, file, swap} = rss(mm);
	yield `mm of task ${tasks.join(', ')}: map_count ${mm.map_count}, total_vm ${mm.total_vm}, locked_vm ${mm.locked_vm}, rss anon ${anon} file ${file} swap ${swap}, pte tables ${tableCount(mm)}`;
	yield ' vmas';
	for (const vma of vmas(mm)) {
		const chain = vma.anon_vma_chain.map(({anon_vma}) => anon_vma.id).join(' ');
		yield `  ${hex(shownStart(vma))}-${hex(vma.vm_end)} ${permissions(vma)} pgoff ${hex(vma.vm_pgoff)} anon_vma ${vma.anon_vma?.id ?? 'none'} [${chain}]  ${show_smap_vma_flags(vma).join(' ')}`;
	}
	yield ' entries                          pages';
	yield* entryLines(mm);
}

function* frameLines(m: Machine): Generator<string> {
	const {mem_map} = m;
	yield 'frame  count mapcount anon_vma      index  flags  data';
	for (let page = 2; page < mem_map.nr_frames; page++) {
		if (mem_map._count[page] === 0) continue;
		const flags = [PageAnon(m, page) ? 'anon' : 'file', PageTransHuge(m, page) && 'huge', PageKsm(m, page) && 'ksm', PageSwapCache(m, page) && `swapcache:${mem_map.private_[page]}`, PageMlocked(m, page) && 'mlocked', PageDirty(m, page) && 'dirty'];
		yield `${String(page).padEnd(6)} ${String(mem_map._count[page]).padStart(5)} ${String(page_mapcount(m, page)).padStart(8)} ${String(mem_map.mapping[page]).padStart(8)} ${hex(page_index(m, page)).padStart(10)}  ${flags.filter(Boolean).join(',')}  ${formatWords(mem_map.token_lo[page]!, mem_map.token_hi[page]!)}`;
	}
}

function* swapLines(m: Machine): Generator<string> {
	const {swap} = m;
	yield `swap: ${swap.inuse_pages} of ${swap.pages} slots in use`;
	if (swap.inuse_pages === 0) return;
	yield 'slot   count cache  data';
	for (let slot = 1; slot <= Math.min(swap.pages, swap.count.length - 1); slot++) {
		if (swap.count[slot] === 0 && swap.cache[slot] === 0) continue;
		yield `${String(slot).padEnd(6)} ${String(swap.count[slot]).padStart(5)} ${String(swap.cache[slot] === 0 ? '-' : swap.cache[slot]).padStart(5)}  ${formatWords(swap.token_lo[slot]!, swap.token_hi[slot]!)}`;
	}
}

/** The machine at the end of a trace: vmas, page tables, page frames, swap. Numbers of frames, slots and anon_vmas are the model's own. */
export function* dump(m: Machine): Generator<string> {
	for (const mm of m.mms) yield* spaceLines(m, mm);
	yield `page frames: ${m.mem_map.nr_used} in use, page tables: ${m.tables.nr_used}`;
	if (m.mem_map.nr_used > 0) yield* frameLines(m);
	yield* swapLines(m);
}

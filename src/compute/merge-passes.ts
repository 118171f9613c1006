// Plans which inputs are merged with which, when there are more than may be open at one time.

/** Neighbours `[start, end)` of a list that become one run in their place. */
export interface Group {
  readonly start: number;
  readonly end: number;
}

/**
 * The passes before the last: in each, every group is merged into a run that takes the group's place. Then at most
 * `fanIn` inputs are left, in their order, so that the merge stays stable. No more inputs are copied than needed.
 *
 * 600 inputs by 500: one group of 101. 5,000 by 500: nine groups of 500 and one of 10.
 */
export function planPasses(inputs: number, fanIn: number): readonly (readonly Group[])[] {
  const passes: Group[][] = [];
  let left = inputs;
  while (left > fanIn) {
    const groups = planPass(left, fanIn);
    passes.push(groups);
    for (const { start, end } of groups) left -= end - start - 1;
  }
  return passes;
}

function planPass(inputs: number, fanIn: number): Group[] {
  const groups: Group[] = [];
  let surplus = inputs - fanIn;
  for (let start = 0; surplus > 0 && inputs - start > 1; ) {
    const end = Math.min(start + fanIn, start + surplus + 1, inputs);
    groups.push({ start, end });
    surplus -= end - start - 1;
    start = end;
  }
  return groups;
}

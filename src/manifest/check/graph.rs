//! Cycles.

use std::collections::{BTreeMap, BTreeSet};

/// A cycle of a graph given as edges from each node, or `None`. Takes time in proportion to the edges.
pub(super) fn find_cycle<'a, N: Ord + ?Sized>(
    edges: &BTreeMap<&'a N, Vec<&'a N>>,
) -> Option<Vec<&'a N>> {
    let mut remaining: BTreeMap<&N, usize> = edges
        .iter()
        .map(|(node, targets)| {
            (
                *node,
                targets
                    .iter()
                    .filter(|target| edges.contains_key(*target))
                    .count(),
            )
        })
        .collect();
    let mut sources: BTreeMap<&N, Vec<&N>> = BTreeMap::new();
    for (node, targets) in edges {
        for target in targets {
            sources.entry(target).or_default().push(node);
        }
    }
    let mut done: Vec<&N> = remaining
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(node, _)| *node)
        .collect();
    while let Some(node) = done.pop() {
        remaining.remove(node);
        for source in sources.get(node).into_iter().flatten() {
            if let Some(count) = remaining.get_mut(source) {
                *count -= 1;
                if *count == 0 {
                    done.push(source);
                }
            }
        }
    }
    // All that is left leads to a cycle: following any edge within it comes round.
    walk(edges, &remaining)
}

fn walk<'a, N: Ord + ?Sized>(
    edges: &BTreeMap<&'a N, Vec<&'a N>>,
    remaining: &BTreeMap<&'a N, usize>,
) -> Option<Vec<&'a N>> {
    let mut node = *remaining.keys().next()?;
    let mut path = Vec::new();
    let mut seen = BTreeSet::new();
    while seen.insert(node) {
        path.push(node);
        node = edges
            .get(node)?
            .iter()
            .find(|target| remaining.contains_key(*target))?;
    }
    Some(
        path.into_iter()
            .skip_while(|first| *first != node)
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycle_of(edges: &[(&'static str, &[&'static str])]) -> Option<String> {
        let edges = edges
            .iter()
            .map(|(node, targets)| (*node, targets.to_vec()))
            .collect();
        find_cycle(&edges).map(|path| path.join(" "))
    }

    #[test]
    fn cycles_are_found_and_what_only_leads_there_is_left_out() {
        assert_eq!(
            cycle_of(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]).as_deref(),
            Some("b c")
        );
        assert_eq!(cycle_of(&[("a", &["a"])]).as_deref(), Some("a"));
        assert_eq!(
            cycle_of(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &["elsewhere"])]),
            None
        );
        assert_eq!(cycle_of(&[("a", &["b", "b"]), ("b", &[])]), None);
    }
}

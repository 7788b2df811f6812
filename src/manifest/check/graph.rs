//! Cycles.

use std::collections::{BTreeMap, BTreeSet};

/// A cycle of a graph given as edges from each node, or `None`. Takes time in proportion to the edges.
///
/// It is found from the first node that leads to one, along the first edges that do, so that what leads nowhere near it
/// makes no difference.
pub(super) fn find_cycle<'a, N: Ord + ?Sized>(
    edges: &BTreeMap<&'a N, Vec<&'a N>>,
) -> Option<Vec<&'a N>> {
    // Numbers are looked up faster than names: a node's is its place among the sorted nodes.
    let nodes: Vec<&N> = edges.keys().copied().collect();
    let number = |node: &&N| nodes.binary_search(node).ok();
    let targets: Vec<Vec<usize>> = edges
        .values()
        .map(|targets| targets.iter().filter_map(number).collect())
        .collect();
    let mut sources: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut left: Vec<usize> = targets.iter().map(Vec::len).collect();
    let mut done = Vec::new();
    for (node, targets) in targets.iter().enumerate() {
        if targets.is_empty() {
            done.push(node);
        }
        for target in targets {
            if let Some(sources) = sources.get_mut(*target) {
                sources.push(node);
            }
        }
    }
    while let Some(node) = done.pop() {
        for source in sources.get(node).into_iter().flatten() {
            if let Some(left) = left.get_mut(*source) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    done.push(*source);
                }
            }
        }
    }
    // All that is left leads to a cycle: following any edge within it comes round.
    let cycle = walk(&targets, &left)?;
    Some(
        cycle
            .into_iter()
            .filter_map(|node| nodes.get(node).copied())
            .collect(),
    )
}

fn walk(targets: &[Vec<usize>], left: &[usize]) -> Option<Vec<usize>> {
    let is_left = |node: &usize| left.get(*node).is_some_and(|count| *count > 0);
    let mut node = (0..left.len()).find(is_left)?;
    let mut path = Vec::new();
    let mut seen = BTreeSet::new();
    while seen.insert(node) {
        path.push(node);
        node = targets.get(node)?.iter().copied().find(is_left)?;
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

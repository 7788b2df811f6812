//! Addresses of datasets are addresses, and each is of one dataset.

use std::collections::BTreeMap;

use super::Facts;
use crate::diagnostic::Diagnostic;
use crate::manifest::address::Address;
use crate::model::id::DatasetName;

pub(super) fn check(facts: &Facts<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut claimed: BTreeMap<Address, &DatasetName> = BTreeMap::new();
    for (name, document) in &facts.repository.datasets {
        for (index, text) in document.value.spec.addresses.iter().enumerate() {
            let loc = || document.at(&format!("/spec/addresses/{index}"));
            let address = match Address::parse(text) {
                Ok(address) => address,
                Err(error) => {
                    let message = format!("this is no address: {error}");
                    found.push(Diagnostic::error("not-an-address", loc(), message));
                    continue;
                }
            };
            if let Some(first) = claimed.get(&address).filter(|first| **first != name) {
                let message = format!("the dataset `{first}` claims `{address}` too");
                let problem = Diagnostic::error("claimed-twice", loc(), message);
                found.push(problem.hint(
                    "an address is of one dataset; give the one that is more exact the longer address",
                ));
            }
            claimed.entry(address).or_insert(name);
        }
    }
    found
}

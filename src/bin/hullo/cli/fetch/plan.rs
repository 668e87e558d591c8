//! What `hullo fetch` is to do: its flags, checked.

use super::flags::Fetch;
use crate::cli::descriptors;
use crate::cli::output::failure::{Failure, Place};
use crate::client::fetch::{ALPN, Destination, FetchPlan};
use hullo::Address;

/// Checks the flags, and makes the plan that they ask for.
pub fn plan(fetch: Fetch) -> Result<FetchPlan, Failure> {
    let file = fetch.output.filter(|file| file.as_os_str() != "-");
    if file.is_some() && fetch.urls.len() > 1 {
        let sentence =
            format!("--output takes the body of one URL, not of {}: use --output-dir", fetch.urls.len());
        return Err(Failure::usage(vec![Place::default().complaint(sentence)]));
    }
    if fetch.header.iter().filter(|field| field.is_host()).count() > 1 {
        let sentence = "--header gives several Hosts, and a request has one: leave all but one out";
        return Err(Failure::usage(vec![Place::default().complaint(sentence)]));
    }
    let needs_tls = fetch.trust.flag().is_some()
        || fetch.urls.iter().any(|url| matches!(url.address(), Address::Tls(..)));
    let tls = needs_tls.then(|| fetch.trust.client(&ALPN)).transpose();
    let tls = tls.map_err(|problem| Failure::usage(vec![Place::default().complaint(problem)]))?;
    let destination = match (file, fetch.output_dir) {
        (Some(file), _) => Destination::File(file),
        (None, Some(folder)) => Destination::Folder(folder),
        (None, None) => Destination::Stdout,
    };
    let room = descriptors::room(descriptors::raise(), 0, 1);
    Ok(FetchPlan {
        urls: fetch.urls,
        fields: fetch.header,
        tls,
        destination,
        at_once: room / 2, // Each download has a connection and a file.
        is_quiet: fetch.quiet,
        timeout: fetch.timeout,
        max_size: fetch.max_size as u64,
    })
}

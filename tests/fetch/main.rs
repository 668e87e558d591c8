//! `hullo fetch`, run as a user runs it, against servers that owe us nothing.

#![cfg(feature = "cli")]

#[path = "../support/mod.rs"]
mod support;

mod files;
mod nginx;
mod pages;
mod tls;

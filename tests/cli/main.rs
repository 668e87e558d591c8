//! The command line from outside: help, mistakes, configs and what shells get.

#![cfg(feature = "cli")]

#[path = "../support/mod.rs"]
mod support;

mod columns;
mod config;
mod descriptors;
mod guesses;
mod shells;
mod streams;

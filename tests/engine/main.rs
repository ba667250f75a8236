//! The engine in conversation with a scripted broker, on a virtual clock.

mod allocation;
mod concurrency;
mod connect;
mod destroy;
mod faults;
mod growth;
mod keepalive;
mod nested;
mod oversize;
mod publish;
mod qos2;
mod receive;
mod reconnect;
mod script;
mod subscriptions;

"""Salesforce: customers, contracts, and the price book that holds dated rates."""

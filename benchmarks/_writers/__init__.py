"""The writers of the push benchmarks, one folder each as a vendor's would be."""

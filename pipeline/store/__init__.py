"""Steps <-> HDF5, format hindcast/1: layout, shards, the joined data set, and the reader of both.

May be imported by split, feed, learn and judge. The only user of h5py and hdf5plugin.
"""

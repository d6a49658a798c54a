using System.Net;
using System.Runtime.InteropServices;

namespace JitGrains.Network;

/// <summary>
/// Numbers by ranges of addresses, packed and sorted: a look-up is a binary search and allocates nothing. A range lasts until
/// the next one begins; what no range covers has the number 0. Immutable and thread-safe.
/// </summary>
internal sealed class RangeTable
{
    private readonly uint[] starts4, values4, values6;
    private readonly UInt128[] starts6;

    private RangeTable(uint[] starts4, uint[] values4, UInt128[] starts6, uint[] values6) =>
        (this.starts4, this.values4, this.starts6, this.values6) = (starts4, values4, starts6, values6);

    public static RangeTable Empty { get; } = new([], [], [], []);

    /// <summary>Ranges that say something.</summary>
    public int Count => values4.Count(v => v != 0) + values6.Count(v => v != 0);

    public uint Find(IPAddress address)
    {
        var bits = AddressBits.Of(address, out var isIpv4);
        var at = isIpv4 ? AddressBits.Floor<uint>(starts4, (uint)bits) : AddressBits.Floor<UInt128>(starts6, bits);
        return at < 0 ? 0 : (isIpv4 ? values4 : values6)[at];
    }

    /// <summary>Collects ranges in any order. Not thread-safe.</summary>
    internal sealed class Builder
    {
        private readonly List<Row> rows4 = [], rows6 = [];

        public int Count => rows4.Count + rows6.Count;

        /// <summary>Adds a range, both ends included.</summary>
        public void Add(bool isIpv4, UInt128 start, UInt128 end, uint value) => (isIpv4 ? rows4 : rows6).Add(new Row(start, end, value));

        /// <summary>The table. Where ranges overlap the narrowest counts, and of equally narrow ones the last: tables list a network within another one's.</summary>
        public RangeTable Build()
        {
            var (starts4, values4) = Pack(rows4, uint.MaxValue);
            var (starts6, values6) = Pack(rows6, UInt128.MaxValue);
            return new RangeTable([.. starts4.Select(s => (uint)s)], [.. values4], [.. starts6], [.. values6]);
        }

        private static (List<UInt128> Starts, List<uint> Values) Pack(List<Row> rows, UInt128 last)
        {
            var order = Enumerable.Range(0, rows.Count).ToArray();
            Array.Sort(order, (a, b) => rows[a].Start.CompareTo(rows[b].Start));
            var (starts, values) = (new List<UInt128>(rows.Count), new List<uint>(rows.Count));
            var open = new PriorityQueue<Row, (UInt128 Length, int After)>();
            var (next, at) = (0, UInt128.Zero);
            while (next < order.Length || open.Count > 0)
            {
                if (open.Count == 0)
                    at = rows[order[next]].Start;
                for (; next < order.Length && rows[order[next]].Start <= at; next++)
                    open.Enqueue(rows[order[next]], (rows[order[next]].End - rows[order[next]].Start, -order[next]));
                while (open.TryPeek(out var over, out _) && over.End < at)
                    open.Dequeue();
                if (!open.TryPeek(out var narrowest, out _))
                {
                    Begin(at, 0);
                    continue;
                }

                Begin(at, narrowest.Value);
                // What begins within it may be narrower; what ends with everything leaves nothing to begin.
                if (next < order.Length && rows[order[next]].Start <= narrowest.End)
                    at = rows[order[next]].Start;
                else if (narrowest.End < last)
                    at = narrowest.End + 1;
                else
                    break;
            }

            return (starts, values);

            // What goes on with the same number is one range.
            void Begin(UInt128 start, uint value)
            {
                if (values.Count > 0 && values[^1] == value)
                    return;
                starts.Add(start);
                values.Add(value);
            }
        }

        [StructLayout(LayoutKind.Auto)]
        private readonly record struct Row(UInt128 Start, UInt128 End, uint Value);
    }
}

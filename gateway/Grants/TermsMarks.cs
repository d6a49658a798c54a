using System.Runtime.CompilerServices;
using JitGrains.Approvals;

namespace JitGrains.Gateway.Grants;

/// <summary>
/// A number for each rule's terms, so that a grant can note which it stood under last. Where more are in use than there is
/// room for, one gets another number: then it is worked out anew. No number is given twice. Thread-safe.
/// </summary>
internal sealed class TermsMarks
{
    private const int Pairs = 4_096;

    private readonly Marked?[] known = new Marked?[2 * Pairs];
    private long last;

    /// <summary>The terms' number, which is above 0.</summary>
    public long Of(ApprovalTerms terms)
    {
        var at = (RuntimeHelpers.GetHashCode(terms) & (Pairs - 1)) * 2;
        if (Volatile.Read(ref known[at]) is { } first && ReferenceEquals(first.Terms, terms))
            return first.Mark;
        if (Volatile.Read(ref known[at + 1]) is { } second && ReferenceEquals(second.Terms, terms))
            return second.Mark;
        var fresh = new Marked(terms, Interlocked.Increment(ref last));
        Volatile.Write(ref known[at + 1], Volatile.Read(ref known[at]));
        Volatile.Write(ref known[at], fresh);
        return fresh.Mark;
    }

    private sealed record Marked(ApprovalTerms Terms, long Mark);
}

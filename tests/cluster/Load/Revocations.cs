using JitGrains.ClusterTests.Histories;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.ClusterTests.Load;

/// <summary>Writes down what a revocation was answered.</summary>
internal static class Revocations
{
    /// <summary>More than a lease, and what a block waits for a gateway that does not answer.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(50);

    public static void Note(History history, Place silo, Answer answer, EndKind kind, IReadOnlyList<string> certain, string principal)
    {
        var ended = new Ended(silo.Name, answer.SentAt, kind, certain) { AnsweredAt = answer.At, Status = answer.Status, Problem = answer.Problem, Principal = principal };
        if (answer.Succeeded)
        {
            var json = answer.Json;
            ended = ended with
            {
                Answered = [.. json["grant_ids"]!.AsArray().Select(g => g!.GetValue<string>())],
                Acknowledged = json["gateways_acknowledged"]!.GetValue<int>(),
                Condemned = json["gateways_condemned"]!.GetValue<int>(),
                Took = json["milliseconds"]!.GetValue<double>(),
            };
        }

        history.Add(ended);
        history.Count(answer.Succeeded ? $"revocations ({kind})" : $"revocations answered {answer.Problem ?? answer.Status.ToString()} ({kind})");
    }
}

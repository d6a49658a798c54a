using System.Diagnostics.CodeAnalysis;
using JitGrains.Http;
using JitGrains.Identity;
using JitGrains.Silo.ControlPlane;

namespace JitGrains.Gateway.RequestPath;

/// <summary>What a caller says about its ask: checked before anybody is shown it.</summary>
/// <param name="Reason">Why, or null.</param>
/// <param name="Ticket">A reference to a ticket, or null.</param>
internal sealed record CallerText(string? Reason, string? Ticket)
{
    public const int MaxReason = 500;
    public const int MaxTicket = 100;

    /// <summary>Reads the headers; the refusal names the one that cannot be shown.</summary>
    public static bool TryRead(CanonicalRequest request, [NotNullWhen(true)] out CallerText? text, [NotNullWhen(false)] out Problem? refused) =>
        TryMake(request.SingleHeader("jit-reason"), OwnHeaders.Reason, request.SingleHeader("jit-ticket"), OwnHeaders.Ticket, out text, out refused);

    /// <summary>Checks a reason and a ticket; the refusal names the field that cannot be shown.</summary>
    public static bool TryMake(
        string? reason, string reasonField, string? ticket, string ticketField, [NotNullWhen(true)] out CallerText? text, [NotNullWhen(false)] out Problem? refused)
    {
        refused = Problem(reason, reasonField, MaxReason) ?? Problem(ticket, ticketField, MaxTicket);
        text = refused is null ? new CallerText(Tidy(reason), Tidy(ticket)) : null;
        return refused is null;
    }

    private static string? Tidy(string? text) => string.IsNullOrWhiteSpace(text) ? null : text.Trim();

    private static Problem? Problem(string? text, string field, int most)
    {
        if (text is null)
            return null;
        if (text.Length > most)
            return Problems.BadRequest(field, $"At most {most} characters.");
        return SafeText.IsSafeSentence(text)
            ? null
            : Problems.BadRequest(field, "Line breaks, control and invisible or bidirectional characters are not accepted: people will read this.");
    }
}

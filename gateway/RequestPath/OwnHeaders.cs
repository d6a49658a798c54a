namespace JitGrains.Gateway.RequestPath;

/// <summary>Headers that the gateway speaks itself. Nobody else's pass, in either direction.</summary>
internal static class OwnHeaders
{
    public const string Request = "Jit-Request";
    public const string Reason = "Jit-Reason";
    public const string Ticket = "Jit-Ticket";
    public const string Decision = "Jit-Decision";
    public const string ProxyStatus = "Proxy-Status";

    /// <summary>Whether a header is ours by its name, also as servers that turn dashes into underscores read it.</summary>
    public static bool IsOurs(string name) =>
        name.Length >= 4 && name[3] is '-' or '_' && name.StartsWith("jit", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a header says where a call came from; the caller's are replaced by ours.</summary>
    public static bool IsForwarding(string name) =>
        name.StartsWith("x-forwarded-", StringComparison.OrdinalIgnoreCase)
        || name.StartsWith("x_forwarded_", StringComparison.OrdinalIgnoreCase)
        || name.Equals("forwarded", StringComparison.OrdinalIgnoreCase)
        || name.Equals("x-real-ip", StringComparison.OrdinalIgnoreCase);
}

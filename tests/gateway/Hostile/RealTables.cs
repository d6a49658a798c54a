namespace JitGrains.GatewayTests.Hostile;

/// <summary>Address tables as they are published (npm's <c>@ip-location-db</c>): countries as MMDB and as CSV, and networks as CSV.</summary>
internal static class RealTables
{
    public static string Mmdb => PathOf("geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb");

    public static string Mmdb4 => PathOf("geo-whois-asn-country-mmdb/geo-whois-asn-country-ipv4.mmdb");

    public static string Mmdb6 => PathOf("geo-whois-asn-country-mmdb/geo-whois-asn-country-ipv6.mmdb");

    public static string Csv4 => PathOf("geo-whois-asn-country/geo-whois-asn-country-ipv4.csv");

    public static string Csv6 => PathOf("geo-whois-asn-country/geo-whois-asn-country-ipv6.csv");

    public static string Numbers4 => PathOf("geo-whois-asn-country/geo-whois-asn-country-ipv4-num.csv");

    public static string Numbers6 => PathOf("geo-whois-asn-country/geo-whois-asn-country-ipv6-num.csv");

    public static string Asn4 => PathOf("asn/asn-ipv4.csv");

    public static string Asn6 => PathOf("asn/asn-ipv6.csv");

    private static string PathOf(string name)
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "JitGrains.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside the repository.");
        var path = Path.Combine(folder, "tests", "gateway", "npm", "node_modules", "@ip-location-db", name);
        Assert.True(File.Exists(path), $"{path} is missing; ./test installs what it needs (npm install in tests/gateway/npm).");
        return path;
    }
}
